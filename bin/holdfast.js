#!/usr/bin/env node
// Plain JavaScript on purpose: an older Node must be able to read it and hand over to a fitting one.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const bundle = join(root, 'dist', 'cli.js');
const program = existsSync(join(root, 'packages')) ? join(root, 'packages', 'cli', 'src', 'main.ts') : bundle;

const [major, minor] = process.versions.node.split('.').map(Number);
const fits = major > 22 || (major === 22 && minor >= 18);
const own = join(root, 'node_modules', 'node', 'bin', 'node');

if (fits) {
  await import(program);
} else if (existsSync(own)) {
  const { status, signal } = spawnSync(own, [program, ...process.argv.slice(2)], { stdio: 'inherit' });
  process.exit(signal ? 1 : (status ?? 1));
} else {
  process.stderr.write(
    `holdfast needs Node 22.18 or newer; this is ${process.versions.node}, and the one that comes with the repository is missing.\n` +
      'It is fetched by an install script: run `npm rebuild node` (or `npm ci` without --ignore-scripts), or use a newer Node.\n',
  );
  process.exit(2);
}
