import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * A workspace as `npm ci` leaves it: fifty thousand files in packages, sizes by a log-normal law
 * (half of them below two kibibytes, a few of a mebibyte), text that compresses about as source does.
 */
export interface Tree {
  readonly files: number;
  readonly bytes: number;
  /** One of them, for the checkpoint after a small change. */
  readonly one: string;
}

const FILES = 50_000;
const FILES_A_PACKAGE = 60;
const MEDIAN_BYTES = 2_000;
const SPREAD = 1.48;
const LARGEST_BYTES = 2 * 1024 * 1024;
const WORDS = 4_000;

export function makeTree(root: string): Tree {
  const random = mulberry(20_241_121);
  const words = Array.from({ length: WORDS }, () => word(random));
  let bytes = 0;
  let one = '';
  for (let index = 0; index < FILES; index += 1) {
    const folder = join(
      root,
      'node_modules',
      `package-${Math.floor(index / FILES_A_PACKAGE)}`,
      `lib${index % 3}`,
    );
    if (index % FILES_A_PACKAGE < 3) mkdirSync(folder, { recursive: true });
    const size = Math.min(LARGEST_BYTES, Math.round(MEDIAN_BYTES * Math.exp(SPREAD * normal(random))));
    one = join(folder, `file-${index}.js`);
    writeFileSync(one, source(random, words, size));
    bytes += size;
  }
  return { files: FILES, bytes, one };
}

/** Lines of words: names come again as they do in source, numbers do not. */
function source(random: () => number, words: readonly string[], size: number): Buffer {
  const lines: string[] = [];
  for (let length = 0; length < size; length += lines.at(-1)?.length ?? 0) {
    const pick = () => words[Math.floor(random() ** 2 * WORDS)] as string;
    lines.push(
      `  const ${pick()} = ${pick()}.${pick()}(${pick()}, ${Math.floor(random() * 1e6)}); // ${pick()} ${pick()}\n`,
    );
  }
  return Buffer.from(lines.join('')).subarray(0, size);
}

function word(random: () => number): string {
  const letter = () => String.fromCharCode(97 + Math.floor(random() * 26));
  return Array.from({ length: 3 + Math.floor(random() * 9) }, letter).join('');
}

function normal(random: () => number): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}

/** The same tree every time. */
function mulberry(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
