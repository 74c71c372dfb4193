import { HoldfastError } from '@holdfast/contract/errors.ts';
import { newId } from '@holdfast/contract/id.ts';
import type { NewsAnswer } from '@holdfast/core/pipeline/ports.ts';
import type { AgentNews } from '@holdfast/core/pipeline/reports.ts';
import pino from 'pino';
import { expect, test } from 'vitest';
import { NewsGroup } from './news-group.ts';

const SILENT = pino({ level: 'silent' });

function news(agentId: string, ...reasons: string[]): AgentNews {
  return {
    agentId,
    sessionId: agentId,
    reports: reasons.map((reason, index) => ({
      number: index + 1,
      report: { kind: 'leaseReturned', jobId: newId(), epoch: 1, checkpoint: null, reason },
    })),
    logs: [],
  };
}

/** A store that notes its groups, holds them open until told, and cannot keep what is called bad. */
function store() {
  const groups: string[][] = [];
  let open = () => {};
  const gate = new Promise<void>((done) => {
    open = done;
  });
  const applyNews = async (told: readonly AgentNews[]): Promise<readonly NewsAnswer[]> => {
    groups.push(told.map((entry) => entry.agentId));
    await gate;
    const reasons = told.flatMap((entry) =>
      entry.reports.map(({ report }) => ('reason' in report ? report.reason : '')),
    );
    if (reasons.includes('away')) throw new HoldfastError('databaseUnavailable', 'away');
    if (reasons.includes('bad')) throw new Error('it cannot be kept');
    return told.map((entry) => ({
      stranger: false,
      results: entry.reports.map(({ number }) => ({ number, outcome: 'accepted' as const, reason: null })),
      leases: [],
      unsettled: [],
      returned: [],
      touched: [],
    }));
  };
  return { groups, open, applyNews };
}

test('what is said while two groups are written is one group, with one entry an agent', async () => {
  const { groups, open, applyNews } = store();
  const group = new NewsGroup({ applyNews }, SILENT);
  const told = ['a', 'b', 'c', 'd', 'c'].map((agent) => group.tell(news(agent, 'good')));
  expect(groups).toEqual([['a'], ['b']]);
  open();
  await Promise.all(told);
  expect(groups).toEqual([['a'], ['b'], ['c', 'd'], ['c']]);
});

test('one report that cannot be kept is refused alone', async () => {
  const { open, applyNews } = store();
  open();
  const group = new NewsGroup({ applyNews }, SILENT);
  const [, , bad, good] = await Promise.all([
    group.tell(news('x', 'good')),
    group.tell(news('y', 'good')),
    group.tell(news('a', 'good', 'bad', 'good')),
    group.tell(news('b', 'good')),
  ]);
  expect(bad?.results.map((result) => result.outcome)).toEqual(['accepted', 'refused', 'accepted']);
  expect(good?.results.map((result) => result.outcome)).toEqual(['accepted']);
});

test('an outage refuses nothing: everybody is told to say it again', async () => {
  const { open, applyNews } = store();
  open();
  const group = new NewsGroup({ applyNews }, SILENT);
  await expect(group.tell(news('a', 'good', 'away'))).rejects.toMatchObject({ kind: 'unavailable' });
});
