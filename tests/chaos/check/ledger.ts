import { readFileSync } from 'node:fs';

/** What the steps themselves wrote outside the workspace: every execution, whatever became of it. */
export interface Execution {
  readonly token: string;
  readonly ended: boolean;
}

export type Ledger = ReadonlyMap<string, readonly Execution[]>;

export function ledgerKey(trigger: string, step: number): string {
  return `${trigger} ${step}`;
}

export function readLedger(file: string): Ledger {
  const ledger = new Map<string, Execution[]>();
  for (const line of readFileSync(file, 'utf8').trim().split('\n')) {
    const [trigger = '', step, token = '', word] = line.split(' ');
    const key = ledgerKey(trigger, Number(step));
    const kept = ledger.get(key) ?? [];
    if (word === 'began') kept.push({ token, ended: false });
    else ledger.set(key, kept);
    ledger.set(
      key,
      kept.map((one) => (one.token === token && word === 'ended' ? { token, ended: true } : one)),
    );
  }
  return ledger;
}
