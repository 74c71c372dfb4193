import type { Client } from '@holdfast/contract/api/client.ts';
import type { RunView } from '@holdfast/contract/api/resources.ts';
import type { AttemptRecord, Records } from '../records.ts';
import { linesOf } from '../workload/plan.ts';
import { type Ledger, ledgerKey } from './ledger.ts';

/**
 * The log of every attempt that counts is whole: its chunks cover it from offset 0 without a gap (a
 * re-attached agent may send a part again, cut elsewhere), and in the text that the API shows are all lines of one execution, in order, one that the ledger
 * knows to have ended.
 */
export interface LogSources {
  readonly client: Client;
  readonly records: Records;
  readonly ledger: Ledger;
}

export async function checkLog(
  { client, records, ledger }: LogSources,
  run: RunView,
  attempt: AttemptRecord,
): Promise<readonly string[]> {
  const where = `${attempt.trigger}: the log of step ${attempt.step}`;
  const gap = gapIn(await records.logChunks(attempt.id));
  if (gap !== null) return [`${where} ${gap}`];
  const text = await readLog(client, run, attempt);
  const lines = [...text.matchAll(/^step (\d+) line (\d+) of (\d+) ([0-9a-f]+)$/gm)];
  const token = lines[0]?.[4];
  const expected = Array.from(
    { length: linesOf(attempt.step) },
    (_, index) => `step ${attempt.step} line ${index + 1} of ${linesOf(attempt.step)} ${token}`,
  );
  if (lines.map(([line]) => line).join('\n') !== expected.join('\n'))
    return [`${where} has ${lines.length} of ${expected.length} lines, or not in order`];
  const known = ledger.get(ledgerKey(attempt.trigger, attempt.step)) ?? [];
  if (!known.some((execution) => execution.token === token && execution.ended))
    return [`${where} is of an execution that the ledger does not know to have ended`];
  return [];
}

function gapIn(chunks: readonly { readonly start: number; readonly text: Buffer }[]): string | null {
  let end = 0;
  for (const chunk of chunks) {
    if (chunk.start > end) return `has a gap from ${end} to ${chunk.start}`;
    end = Math.max(end, chunk.start + chunk.text.length);
  }
  return null;
}

async function readLog(client: Client, run: RunView, attempt: AttemptRecord): Promise<string> {
  const attempts = run.jobs[0]?.steps[attempt.step]?.attempts ?? [];
  const number = attempts.find(({ id }) => id === attempt.id)?.number;
  if (number === undefined) return '';
  let text = '';
  for (let offset = 0; ; ) {
    const part = await client('readLog', {
      params: { id: run.id, job: 'ten', step: attempt.step },
      query: { offset, attempt: number },
    });
    if (part.text === '') return text;
    text += part.text;
    offset = part.next;
  }
}
