import type { Case } from './case.ts';
import type { CheckedVersion } from './check-version.ts';
import type { Mismatch } from './compare.ts';
import { exceptionFor } from './exceptions.ts';
import type { Observation } from './observe/observation.ts';

export interface Found {
  readonly case: Case;
  readonly mismatch: Mismatch;
}

export interface Refused {
  readonly case: Case;
  readonly message: string;
}

/** What one version showed. */
export interface Verdict {
  readonly version: number;
  readonly cases: number;
  readonly checked: number;
  readonly unknown: readonly {
    readonly case: Case;
    readonly statement: string;
    readonly observed: Observation;
  }[];
  /** Generated statements that PostgreSQL refused. */
  readonly skipped: readonly Refused[];
  /** Tables that could not be made and written statements that were refused: faults of the corpus. */
  readonly broken: readonly Refused[];
  readonly unsound: readonly Found[];
  readonly overcautious: readonly Found[];
  readonly excused: readonly Found[];
}

export function judge({ version, cases }: CheckedVersion): Verdict {
  const failed = cases.flatMap(({ case: one, outcome }) =>
    outcome.kind === 'failed'
      ? [
          {
            case: one,
            message: outcome.message,
            broken: one.origin === 'written' || outcome.stage === 'setup',
          },
        ]
      : [],
  );
  const found = cases.flatMap(({ case: one, outcome }) =>
    outcome.kind === 'checked' ? outcome.mismatches.map((mismatch) => ({ case: one, mismatch })) : [],
  );
  const excused = found.filter((entry) => exceptionFor(entry.case, entry.mismatch) !== null);
  const standing = found.filter((entry) => !excused.includes(entry));
  return {
    version,
    cases: cases.length,
    checked: cases.filter(({ outcome }) => outcome.kind === 'checked').length,
    unknown: cases.flatMap(({ case: one, outcome }) =>
      outcome.kind === 'unknown'
        ? [{ case: one, statement: outcome.statement, observed: outcome.observed }]
        : [],
    ),
    skipped: failed.filter(({ broken }) => !broken),
    broken: failed.filter(({ broken }) => broken),
    unsound: standing.filter(({ mismatch }) => mismatch.verdict === 'unsound'),
    overcautious: standing.filter(({ mismatch }) => mismatch.verdict === 'overcautious'),
    excused,
  };
}

export function passed({ unsound, overcautious, broken, checked }: Verdict): boolean {
  return checked > 0 && unsound.length + overcautious.length + broken.length === 0;
}
