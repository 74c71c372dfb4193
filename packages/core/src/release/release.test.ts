import { expect, test } from 'vitest';
import { canonicalJson } from '../kernel/json.ts';
import { preAuthenticationEncoding, statementOf, subjectDigestOf } from './attestation.ts';
import { retained } from './release.ts';

test("DSSE's own example encodes as its specification says", () => {
  expect(preAuthenticationEncoding('http://example.com/HelloWorld', { text: 'hello world', bytes: 11 })).toBe(
    'DSSEv1 29 http://example.com/HelloWorld 11 hello world',
  );
});

test('a statement names the artifact, the commit and the run', () => {
  const text = statementOf({
    artifact: { name: 'shop', sha256: 'ab' },
    repository: 'https://x/y',
    ref: 'refs/heads/main',
    commit: 'c0',
    workflow: 'ship.yml',
    runId: 'r',
    jobId: 'j',
    builder: 'b',
    finishedOn: '2026-01-01T00:00:00Z',
  });
  const statement = JSON.parse(text);
  expect(subjectDigestOf(statement)).toBe('ab');
  expect(statement.predicate.buildDefinition.resolvedDependencies[0].digest).toEqual({ gitCommit: 'c0' });
  expect(subjectDigestOf({ subject: [] })).toBeNull();
});

test('the serving release and the newest that once served stay returnable', () => {
  const releases = [
    { id: 'a', servedAt: 1 },
    { id: 'b', servedAt: 2 },
    { id: 'never', servedAt: null },
    { id: 'c', servedAt: 3 },
    { id: 'd', servedAt: 4 },
  ];
  expect(retained(releases, 2).map((release) => release.id)).toEqual(['d', 'c', 'b']);
});

test('one value has one spelling', () => {
  expect(canonicalJson({ b: [1, { d: null, c: 'x' }], a: true })).toBe(
    '{"a":true,"b":[1,{"c":"x","d":null}]}',
  );
});
