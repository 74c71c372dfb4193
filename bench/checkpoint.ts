import { randomBytes } from 'node:crypto';
import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Checkpoints } from '@holdfast/agent/checkpoint/checkpoint.ts';
import { jobFolder, makeJobFolder } from '@holdfast/agent/job/job-folder.ts';
import { freshState } from '@holdfast/agent/job/job-state.ts';
import { ControllerClient } from '@holdfast/agent/link/controller-client.ts';
import { below } from './bound.ts';
import { makeTree, type Tree } from './checkpoint/make-tree.ts';
import { compareTrees, measurePeers, measureUntar, settleDisk } from './checkpoint/peers.ts';
import { ratio, round } from './latency.ts';
import { startController } from './orchestrator/controller.ts';
import { BenchDatabase } from './orchestrator/database.ts';
import { say, type Workbench } from './workbench.ts';

/**
 * What closing a step with a checkpoint costs for a large workspace, through a real controller's
 * blob routes onto its disk, beside a copy and beside tar with zstd.
 */
const UNCHANGED_SECONDS = 1;
/** "At disk speed": what the file system takes for fifty thousand files, whoever makes them; ours are decrypted, too. */
const RESTORE_OVER_UNTAR = 2;
/** Files changed this shortly before a look are taken along once more (scan.ts). */
const RACY_MS = 100;
const MIB = 1024 ** 2;

export async function measureCheckpoint({ workbench }: { readonly workbench: Workbench }) {
  const database = await BenchDatabase.start(workbench);
  const controller = await startController(workbench, { databaseUrl: database.url('holdfast') });
  const client = new ControllerClient([controller.address], controller.token);
  const key = randomBytes(32);
  const place = async (name: string) => {
    const folder = jobFolder(join(workbench.folder, name), 'job');
    await makeJobFolder(folder, null);
    return { folder, checkpoints: new Checkpoints({ folder, client, key, user: null }) };
  };
  const here = await place('here');
  say('a tree of 50,000 files');
  const tree = makeTree(here.folder.work);
  // What the peers make stays: ext4 looks in vain at inodes that were freed a moment ago, and whoever comes next pays.
  const peers = await measurePeers(here.folder.work, join(workbench.folder, 'peers'));
  await sleep(RACY_MS);
  const save = () => here.checkpoints.save(freshState(here.folder.root));
  const first = await timed('first checkpoint', save);
  const unchanged = await timed('unchanged', save);
  appendFileSync(tree.one, '// changed\n');
  await sleep(RACY_MS);
  const oneChanged = await timed('one file changed', save);
  const there = await place('there');
  const restore = await timed('restore', () => there.checkpoints.restore(oneChanged.value ?? ''));
  const untarZstdAfter = await measureUntar(join(workbench.folder, 'peers'), 'after');
  await compareTrees(here.folder.work, there.folder.work);
  const again = await timed('first checkpoint of what the store has', () => {
    there.checkpoints.forget();
    return there.checkpoints.save(freshState(there.folder.root));
  });
  const seconds = { first, unchanged, oneChanged, restore, knownToTheStore: again };
  return {
    bounds: [
      below('unchanged checkpoint in seconds', unchanged.seconds, UNCHANGED_SECONDS),
      below(
        'restore over zstd -d | tar x, before and after it',
        ratio(restore.seconds, (peers.untarZstd + untarZstdAfter) / 2),
        RESTORE_OVER_UNTAR,
      ),
    ],
    ...figuresOf(tree, seconds, { ...peers, untarZstdAfter }),
  };
}

type Timed = { readonly seconds: number };

function figuresOf(
  { files, bytes }: Tree,
  steps: { readonly [name in 'first' | 'unchanged' | 'oneChanged' | 'restore' | 'knownToTheStore']: Timed },
  peers: Awaited<ReturnType<typeof measurePeers>> & { readonly untarZstdAfter: number },
) {
  const perSecond = (seconds: number) => round(bytes / 1e6 / seconds);
  const { packedMiB, ...peerSeconds } = peers;
  return {
    tree: { files, mib: round(bytes / MIB), packedMiB: round(packedMiB) },
    ratios: {
      firstOverCopy: ratio(steps.first.seconds, peers.copy),
      firstOverTarZstd: ratio(steps.first.seconds, peers.tarZstd),
    },
    seconds: mapValues(steps, ({ seconds }) => round(seconds)),
    megabytesPerSecond: {
      first: perSecond(steps.first.seconds),
      restore: perSecond(steps.restore.seconds),
      ...mapValues(peerSeconds, perSecond),
    },
    peerSeconds: mapValues(peerSeconds, round),
    agentPeakRssMiB: Math.round(process.resourceUsage().maxRSS / 1024),
  };
}

function mapValues<Name extends string, In, Out>(
  values: { readonly [name in Name]: In },
  change: (value: In) => Out,
): Record<Name, Out> {
  const entries = Object.entries<In>(values).map(([name, value]) => [name, change(value)]);
  return Object.fromEntries(entries) as Record<Name, Out>;
}

async function timed<Value>(
  what: string,
  work: () => Promise<Value>,
): Promise<{ readonly seconds: number; readonly value: Value }> {
  say(what);
  await settleDisk();
  const startedAt = performance.now();
  const value = await work();
  return { seconds: (performance.now() - startedAt) / 1000, value };
}
