import { chmodSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pickOwner } from '@holdfast/postgres/embedded/owner.ts';
import { SOCKET_PORT, serverUrl, startServer } from '@holdfast/postgres/embedded/server.ts';
import pg from 'pg';
import { Processes } from '../../chaos/cluster/processes.ts';
import type { Scene } from '../../chaos/cluster/scene.ts';
import type { Journal } from '../../chaos/journal.ts';
import { checkAll } from '../check/check-all.ts';
import { logRepeats, type Repeat, saysForbidden } from '../check/log-repeats.ts';
import { readRecords, type Settling, waitUntilSettled } from '../check/records.ts';
import { Installation } from '../cluster/installation.ts';
import { addRepositories } from '../load/add-repositories.ts';
import { LedgerClient } from '../load/ledger-client.ts';
import { type MeasuredRun, measureRuns } from './measure-runs.ts';
import { startPooler } from './pgbouncer.ts';

/**
 * The same work twice on one plain PostgreSQL, connected to it directly and through the pooler, each
 * with an installation of its own: idle dispatch latency, then a burst of triggers with runs.
 */
export interface Way {
  readonly name: string;
  /** From the request for the run to its first step's start; asked of controller 1, of controller 2. */
  readonly dispatchMs: readonly (readonly number[])[];
  /** From one step's end to the next one's start. */
  readonly betweenStepsMs: readonly number[];
  readonly runs: number;
  readonly succeeded: number;
  readonly triggers: number;
  readonly notAckedAtOnce: readonly string[];
  readonly errors: readonly string[];
  readonly logs: readonly { readonly process: string; readonly repeats: readonly Repeat[] }[];
  /** The burst's triggers that had not become runs when it ended; one repository reads them in turn. */
  readonly settling: Settling;
  readonly seconds: number;
}

export interface PoolerResult {
  readonly ways: readonly Way[];
  readonly misses: readonly string[];
}

const RUNS = 24;
const BURST_MS = 8_000;

export async function performPooled(scene: Scene, journal: Journal): Promise<PoolerResult> {
  const owner = pickOwner(true);
  const root = join(scene.root, 'plain');
  const place = { root, cache: join(scene.root, 'cache'), owner, port: SOCKET_PORT };
  journal.tell('one plain PostgreSQL');
  await startServer(place);
  const ways: Way[] = [];
  for (const name of ['direct', 'pgbouncer'] as const) {
    const part = partOf(scene, name);
    const processes = new Processes(part);
    processes.onDeath = (sentence) => journal.miss(sentence);
    const database = `holdfast_${name}`;
    await ask(serverUrl(place), `CREATE DATABASE ${database}`);
    const direct = serverUrl(place).replace('/holdfast?', `/${database}?`);
    const socket = join(root, 'run');
    const url = name === 'direct' ? direct : await startPooler(part, processes, { socket, owner, database });
    journal.tell(`${name}: ${RUNS} runs one by one, then a burst`);
    ways.push(await perform(name, { scene: part, processes, journal, url, direct }));
    for (const process of ['agent-1', 'agent-2', 'controller-1', 'controller-2'])
      processes.signal(process, 'SIGTERM');
    await sleep(2_000);
  }
  return { ways, misses: journal.misses };
}

interface WayParts {
  readonly scene: Scene;
  readonly processes: Processes;
  readonly journal: Journal;
  readonly url: string;
  /** Past the pooler, for the checks. */
  readonly direct: string;
}

async function perform(name: string, { scene, processes, journal, url, direct }: WayParts): Promise<Way> {
  const began = performance.now();
  const installation = await Installation.start(scene, processes, url);
  const asked = await addRepositories(scene, installation.client(), 1);
  const errors: string[] = [];
  const runs = [...(await measureRuns(installation, RUNS, errors))];
  const target = { addresses: installation.addresses, token: installation.token };
  journal.tell(`${name}: ${BURST_MS / 1000} s of triggers`);
  const ledger = new LedgerClient(target, asked, journal).start();
  await sleep(BURST_MS);
  await ledger.stop();
  const query = <Row extends pg.QueryResultRow>(text: string) => ask<Row>(direct, text);
  journal.tell(`${name}: all acknowledged; waiting for their runs`);
  const settling = await waitUntilSettled(query);
  const records = await readRecords(query);
  const notAcked = ledger.entries.filter(({ first }) => first !== 'acked').map(({ detail }) => detail);
  const failed = runs
    .filter(({ state }) => state !== 'succeeded')
    .map(({ trigger, state }) => `${trigger} ${state}`);
  const logs = [
    ...installation.controllerNames,
    'agent-1',
    'agent-2',
    ...(name === 'direct' ? [] : ['pgbouncer']),
  ].map((process) => ({ process, repeats: logRepeats(installation.logOf(process)) }));
  const forbidden = logs.flatMap(({ process, repeats }) =>
    repeats.filter(saysForbidden).map(({ text }) => `${process}'s log: ${text}`),
  );
  for (const miss of [
    ...checkAll(records, [], ledger.entries),
    ...errors,
    ...notAcked,
    ...failed,
    ...forbidden,
  ])
    journal.miss(`${name}: ${miss}`);
  return {
    name,
    ...latencies(runs, records.attempts),
    runs: runs.length,
    succeeded: runs.length - failed.length,
    triggers: ledger.entries.length,
    notAckedAtOnce: notAcked,
    errors,
    logs,
    settling,
    seconds: (performance.now() - began) / 1000,
  };
}

function latencies(
  runs: readonly MeasuredRun[],
  attempts: Awaited<ReturnType<typeof readRecords>>['attempts'],
): Pick<Way, 'dispatchMs' | 'betweenStepsMs'> {
  const dispatchMs: number[][] = [[], []];
  const betweenStepsMs: number[] = [];
  for (const { trigger, askedAt, askedOf } of runs) {
    const steps = attempts.filter((attempt) => attempt.trigger === trigger).sort((a, b) => a.step - b.step);
    if (steps[0]) dispatchMs[askedOf]?.push(steps[0].startedAt - askedAt);
    for (const [index, step] of steps.entries()) {
      const before = steps[index - 1];
      if (before?.endedAt) betweenStepsMs.push(step.startedAt - before.endedAt);
    }
  }
  return { dispatchMs, betweenStepsMs };
}

/** Each way has files, logs and repositories of its own, and one list of processes. */
function partOf(scene: Scene, name: string): Scene {
  const root = join(scene.root, name);
  const part = { ...scene, root, logs: join(scene.logs, name), shared: join(root, 'shared') };
  for (const folder of [root, part.logs, part.shared]) mkdirSync(folder, { recursive: true, mode: 0o755 });
  chmodSync(part.shared, 0o777);
  return part;
}

async function ask<Row extends pg.QueryResultRow>(url: string, text: string): Promise<readonly Row[]> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 2_000 });
  await client.connect();
  try {
    return (await client.query<Row>(text)).rows;
  } finally {
    await client.end();
  }
}
