import { notNullLater } from '../lint/not-null-later.ts';
import { type Step, statement } from '../plan/step.ts';

/** Each in its own transaction; the validation reads all rows and may take its time. */
export function notNullSteps(table: string, column: string): readonly Step[] {
  return notNullLater(table, column).map((sql) =>
    /VALIDATE/.test(sql) ? { ...statement(sql), long: true } : statement(sql),
  );
}
