import { setTimeout as sleep } from 'node:timers/promises';

/**
 * Shows a text again and again until `look` says it is over: in place on a terminal, as new lines
 * where it is not, and only when it changed.
 */
export interface Frame {
  readonly text: string;
  readonly over: boolean;
}

const EVERY_MS = 500;

export async function live(look: () => Promise<Frame>, quiet: boolean): Promise<void> {
  const terminal = process.stdout.isTTY && !quiet;
  let shown = '';
  let lines = 0;
  for (;;) {
    const { text, over } = await look();
    if (!quiet && text !== shown) {
      if (terminal && lines > 0) process.stdout.write(`\u001b[${lines}A\u001b[0J`);
      process.stdout.write(`${text}\n`);
      lines = text.split('\n').length;
      shown = text;
    }
    if (over) return;
    await sleep(EVERY_MS);
  }
}
