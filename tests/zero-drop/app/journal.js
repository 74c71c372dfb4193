import { mkdirSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';

/**
 * What this instance did, for the suite to read when it is dead: a line a moment, each written
 * before it goes on, so that kill -9 loses none.
 *
 *   b ID   a request (or WebSocket) arrived      x ID   a POST was executed      e ID   it was answered
 */
const folder = process.env.JOURNAL ?? '.';
mkdirSync(folder, { recursive: true });
const file = openSync(join(folder, process.env.HOLDFAST_INSTANCE ?? String(process.pid)), 'a');

export function note(what, id) {
  if (id) writeSync(file, `${what} ${id}\n`);
}
