import { createHash } from 'node:crypto';
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pack } from 'tar-stream';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { packFolder } from './pack-folder.ts';
import { Placer, unpackFolder } from './unpack-folder.ts';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'holdfast-archive-'));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

async function digest(folder: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of packFolder(folder, { form: 'canonical' })) hash.update(chunk as Buffer);
  return hash.digest('hex');
}

function makeTree(name: string, order: readonly string[]): string {
  const folder = join(root, name);
  mkdirSync(join(folder, 'sub', 'empty'), { recursive: true });
  for (const file of order) writeFileSync(join(folder, file), `content of ${file}`);
  symlinkSync('sub/b.txt', join(folder, 'link'));
  return folder;
}

test('the same bytes in give the same digest out, whatever their order and times', async () => {
  const one = makeTree('one', ['a.txt', 'sub/b.txt', 'ä.txt']);
  const two = makeTree('two', ['ä.txt', 'sub/b.txt', 'a.txt']);
  utimesSync(join(two, 'a.txt'), new Date(0), new Date(1e12));
  expect(await digest(one)).toBe(await digest(two));
  writeFileSync(join(two, 'a.txt'), 'content of a.tx!');
  expect(await digest(one)).not.toBe(await digest(two));
});

test('what is packed faithfully comes back with modes, times, links and empty folders', async () => {
  const folder = makeTree('tree', ['a.txt', 'sub/b.txt']);
  chmodSync(join(folder, 'a.txt'), 0o750);
  utimesSync(join(folder, 'a.txt'), 1_700_000_000, 1_700_000_000.125);
  const back = join(root, 'back');
  mkdirSync(back);
  await unpackFolder(packFolder(folder, { form: 'faithful' }), back);
  expect(lstatSync(join(back, 'a.txt')).mode & 0o777).toBe(0o750);
  expect(lstatSync(join(back, 'a.txt')).mtimeMs).toBe(1_700_000_000_125);
  expect(readlinkSync(join(back, 'link'))).toBe('sub/b.txt');
  expect(lstatSync(join(back, 'sub', 'empty')).isDirectory()).toBe(true);
  expect(readFileSync(join(back, 'sub', 'b.txt'), 'utf8')).toBe('content of sub/b.txt');
});

test('an archive that leads out of its folder is refused', async () => {
  const evil = (fill: (archive: ReturnType<typeof pack>) => void) => {
    const archive = pack();
    fill(archive);
    archive.finalize();
    return unpackFolder(Readable.from(archive), join(root, 'out'));
  };
  mkdirSync(join(root, 'out'));
  await expect(evil((archive) => archive.entry({ name: '../escape' }, 'x'))).rejects.toThrow('leads out');
  await expect(evil((archive) => archive.entry({ name: '/etc/escape' }, 'x'))).rejects.toThrow('leads out');
  await expect(
    evil((archive) => {
      archive.entry({ name: 'way', type: 'symlink', linkname: '/tmp' });
      archive.entry({ name: 'way/escape' }, 'x');
    }),
  ).rejects.toThrow('leads out');
});

test('nothing is written or deleted through a link that lay there before', async () => {
  const folder = join(root, 'target');
  mkdirSync(join(root, 'elsewhere'));
  mkdirSync(folder);
  symlinkSync(join(root, 'elsewhere'), join(folder, 'x'));
  const archive = pack();
  archive.entry({ name: 'x/evil', type: 'file' }, 'evil');
  archive.finalize();
  await expect(unpackFolder(archive as unknown as Readable, folder)).rejects.toThrow('leads out');
  expect(readdirSync(join(root, 'elsewhere'))).toEqual([]);
  const placer = new Placer(folder);
  expect(placer.of('x')).toBe(join(folder, 'x'));
  for (const name of ['x/evil', '../elsewhere', '/etc']) expect(() => placer.of(name)).toThrow('leads out');
});

test('a file that lies elsewhere by the time it is packed fails the whole', async () => {
  const folder = makeTree('swapped', ['sub/a.txt']);
  mkdirSync(join(root, 'elsewhere'));
  writeFileSync(join(root, 'elsewhere', 'a.txt'), 'of somebody else');
  rmSync(join(folder, 'sub'), { recursive: true });
  symlinkSync(join(root, 'elsewhere'), join(folder, 'sub'));
  const packed = async () => {
    for await (const _ of packFolder(folder, { form: 'faithful', only: new Set(['sub/a.txt']) }));
  };
  await expect(packed()).rejects.toThrow('became something else');
});
