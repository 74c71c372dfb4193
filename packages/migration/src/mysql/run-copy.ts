import { createHash } from 'node:crypto';
import { HoldfastError } from '@holdfast/contract/errors.ts';
import { clearCopy, endConnections, triggersOf } from './clear-copy.ts';
import { forgetStep, readStep, type StepDetail, type StepKey, writeStep } from './mysql-ledger.ts';
import { type MysqlPlace, type MysqlSession, openMysql } from './mysql-session.ts';
import { type OscAsked, type OscEnd, OscProcess } from './pt-osc.ts';
import { shapeOf } from './shape.ts';

/**
 * One copy of a table, run by one controller and watched by all: its session holds a lock of the server's by name
 * for as long as the copy goes on, and the ledger says how far it is. Whoever gets that lock while the ledger says
 * "copying" knows that nobody copies: it ends what is left and begins anew. The tool cannot go on where it was.
 */
export interface CopyAsked extends Omit<OscAsked, 'place'> {
  readonly place: MysqlPlace;
  readonly key: StepKey;
}

const LOOK_MS = 500;
/** A copy that nobody asks for any more rests: a person has paused it, or every controller is busy or gone. */
const UNHEARD_SECONDS = 6;

/** The copies that this controller runs, so that they end with it. */
export class Copies {
  private readonly running = new Set<OscProcess>();

  /** False: another controller, or this one, is at it. */
  async begin(asked: CopyAsked): Promise<boolean> {
    const sql = await openMysql(asked.place);
    try {
      const [locked] = await sql.query<{ got: string | number | null }>('SELECT GET_LOCK(?, 0) AS got', [
        lockName(asked.key),
      ]);
      if (Number(locked?.got) !== 1) {
        await sql.close();
        return false;
      }
      await clearLeft(sql, asked);
      const before = await checkTable(sql, asked);
      await writeStep(sql, asked.key, { state: 'copying', detail: { before } });
      const tool = new OscProcess(asked);
      this.running.add(tool);
      void watch(sql, { asked, tool, before }).finally(() => this.running.delete(tool));
      return true;
    } catch (error) {
      await sql.close();
      throw error;
    }
  }

  async stop(): Promise<void> {
    await Promise.all([...this.running].map((tool) => tool.stop()));
  }
}

function lockName({ scope, version, phase, place }: StepKey): string {
  const hash = createHash('sha256').update(`${scope}\0${version}\0${phase}\0${place}`).digest('hex');
  return `holdfast ${hash.slice(0, 40)}`;
}

async function clearLeft(sql: MysqlSession, { key, statement }: CopyAsked): Promise<void> {
  const left = await readStep(sql, key);
  if (left?.state !== 'copying') return;
  await endConnections(sql, left.detail.connections ?? []);
  await clearCopy(sql, statement.table, left.detail.shadow ?? null);
}

async function checkTable(sql: MysqlSession, { statement }: CopyAsked): Promise<string> {
  const { table } = statement;
  if (!/^[\w$]+$/.test(table))
    throw new HoldfastError('migrationInvalid', `${table}: a table of such a name cannot be copied`);
  const before = await shapeOf(sql, table);
  if (before === null) throw new HoldfastError('migrationInvalid', `there is no table ${table}`);
  const { own, tool } = await triggersOf(sql, table);
  const found = [...own, ...tool].join(', ');
  if (found !== '')
    throw new HoldfastError(
      'migrationInvalid',
      `${table} has triggers already (${found}): pt-online-schema-change cannot copy it`,
    );
  return before;
}

interface Watching {
  readonly asked: CopyAsked;
  readonly tool: OscProcess;
  readonly before: string;
}

/** Until the copy is whole or lost. A session that breaks gave the lock away: then nothing here is ours any more. */
async function watch(sql: MysqlSession, watching: Watching): Promise<void> {
  const { asked, tool, before } = watching;
  try {
    const end = await follow(sql, watching);
    const { shadow } = tool.state;
    const after = end?.kind === 'copied' && shadow !== null ? await shapeOf(sql, shadow) : null;
    if (shadow !== null && after !== null)
      return await writeStep(sql, asked.key, { state: 'copied', detail: { before, shadow, after } });
    await clearCopy(sql, asked.statement.table, shadow);
    if (end === null) return;
    const reason = end.kind === 'failed' ? end.reason : 'the copy has vanished';
    await writeStep(sql, asked.key, { state: 'failed', detail: { reason } });
  } catch {
    await tool.stop();
  } finally {
    await sql.close();
  }
}

/** null: it was abandoned meanwhile. */
async function follow(sql: MysqlSession, { asked, tool, before }: Watching): Promise<OscEnd | null> {
  let written = '';
  for (let end: OscEnd | null = null; ; end = await Promise.race([tool.ended, sleep(LOOK_MS)])) {
    const row = await readStep(sql, asked.key);
    if (row?.state !== 'copying') {
      await tool.stop();
      return null;
    }
    if (end !== null) return end;
    tool.rest(row.hold !== null || row.unheardSeconds > UNHEARD_SECONDS);
    const detail = { before, ...detailOf(tool) };
    if (JSON.stringify(detail) !== written) await writeStep(sql, asked.key, { state: 'copying', detail });
    written = JSON.stringify(detail);
  }
}

function detailOf(tool: OscProcess): StepDetail {
  const { shadow, connections, total, percent } = tool.state;
  return {
    connections,
    ...(shadow === null ? {} : { shadow }),
    ...(total === null ? {} : { total, rows: Math.round((total * percent) / 100) }),
  };
}

function sleep(ms: number): Promise<null> {
  return new Promise((done) => setTimeout(() => done(null), ms).unref());
}

/** What a person aborts: the controller that copies sees that its step is gone, and one that is not there cannot. */
export async function abandonCopy(
  sql: MysqlSession,
  key: StepKey,
  { table, detail }: { readonly table: string; readonly detail: StepDetail },
): Promise<void> {
  await forgetStep(sql, key);
  await endConnections(sql, detail.connections ?? []);
  await clearCopy(sql, table, detail.shadow ?? null);
}
