import { randomBytes } from 'node:crypto';
import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { clearCopy, endTool } from './clear-copy.ts';
import {
  claimCopy,
  copyLock,
  lockByName,
  readStep,
  reportCopy,
  type StepDetail,
  type StepKey,
} from './mysql-ledger.ts';
import { type MysqlPlace, type MysqlSession, openMysql } from './mysql-session.ts';
import { isOscInstalled, type OscAsked, type OscEnd, OscProcess } from './pt-osc.ts';
import { shapeOf } from './shape.ts';

/**
 * Copies of tables, each run by one controller and watched by all: its session holds a lock of the server's by name
 * for as long as the copy goes on, and the ledger says how far it is. Whoever gets that lock while the ledger says
 * "copying" knows that nobody copies: it ends what is left and begins anew. The tool cannot go on where it was.
 */
export interface CopyAsked extends Omit<OscAsked, 'place' | 'shadow' | 'token'> {
  readonly place: MysqlPlace;
  readonly key: StepKey;
  readonly detail: StepDetail;
}

interface Running {
  readonly tool: OscProcess;
  readonly watched: Promise<void>;
}

const LOOK_MS = 500;
/** A copy that nobody asks for any more rests: a person has paused it, or every controller is busy or gone. */
const UNHEARD_SECONDS = 6;

export class Copies {
  private readonly running = new Set<Running>();
  private installed: Promise<boolean> | undefined;
  private swept = false;

  /** Whether the tool is there; asked once. */
  canCopy(): Promise<boolean> {
    this.installed ??= isOscInstalled();
    return this.installed;
  }

  /** False: another controller, or this one, is at it, or it is nobody's any more. */
  async begin(asked: CopyAsked): Promise<boolean> {
    this.sweep(asked.work);
    const sql = await openMysql(asked.place);
    try {
      const mark = randomBytes(6).toString('hex');
      const [shadow, token] = [`_holdfast_new_${mark}`, `holdfast osc ${mark}`];
      const { before, wanted } = asked.detail;
      const detail: StepDetail = { before: before ?? null, wanted: wanted ?? null, shadow, token };
      if (!(await lockByName(sql, copyLock(asked.key))) || !(await takeCopy(sql, asked, detail))) {
        await sql.close();
        return false;
      }
      const tool = new OscProcess({ ...asked, shadow, token });
      const running: Running = { tool, watched: watch(sql, { asked, tool, detail }) };
      this.running.add(running);
      void running.watched.finally(() => this.running.delete(running));
      return true;
    } catch (error) {
      await sql.close();
      throw error;
    }
  }

  /** What is stopped so is begun anew by whoever looks next. */
  async stop(): Promise<void> {
    await Promise.all(
      [...this.running].map(async ({ tool, watched }) => {
        await tool.stop();
        await watched;
      }),
    );
  }

  /** A controller that was killed has left its control files. */
  private sweep(work: string): void {
    if (this.swept) return;
    this.swept = true;
    try {
      for (const name of readdirSync(work)) rmSync(join(work, name), { recursive: true, force: true });
    } catch {
      // There are none.
    }
  }
}

/** What the one before has left goes first, for as long as the ledger knows its names. */
async function takeCopy(sql: MysqlSession, { key, statement }: CopyAsked, detail: StepDetail) {
  const left = await readStep(sql, key);
  if (left?.state === 'copying') {
    await endTool(sql, left.detail.token);
    await clearCopy(sql, statement.table, left.detail.shadow ?? null);
  }
  return claimCopy(sql, key, detail);
}

interface Watching {
  readonly asked: CopyAsked;
  readonly tool: OscProcess;
  readonly detail: StepDetail;
}

/** Until the copy is whole or lost. A session that breaks gave the lock away: then nothing here is ours any more. */
async function watch(sql: MysqlSession, watching: Watching): Promise<void> {
  const { asked, tool, detail } = watching;
  const { shadow = '' } = detail;
  try {
    const end = await follow(sql, watching);
    // Whoever abandoned it clears up; who was stopped leaves it to the next one to begin anew.
    if (end === null || end.kind === 'stopped') return;
    const after = end.kind === 'copied' ? await shapeOf(sql, shadow) : null;
    if (after !== null) {
      await reportCopy(sql, asked.key, { state: 'copied', detail: { ...detail, after } });
      return;
    }
    const reason = end.kind === 'failed' ? end.reason : 'the copy has vanished';
    await reportCopy(sql, asked.key, { state: 'leaving', detail: { ...detail, reason } });
  } catch {
    await tool.stop();
  } finally {
    await sql.close();
  }
}

/** null: it was abandoned meanwhile. */
async function follow(sql: MysqlSession, { asked, tool, detail }: Watching): Promise<OscEnd | null> {
  for (let end: OscEnd | null = null; ; end = await Promise.race([tool.ended, sleep(LOOK_MS)])) {
    const row = await readStep(sql, asked.key);
    if (row?.state !== 'copying' || row.detail.token !== detail.token) {
      await tool.stop();
      return null;
    }
    if (end !== null) return end;
    tool.rest(row.hold !== null || row.unheardSeconds > UNHEARD_SECONDS);
    const { total, percent } = tool.state;
    if (total === null) continue;
    const rows = Math.round((total * percent) / 100);
    if (rows !== row.detail.rows)
      await reportCopy(sql, asked.key, { state: 'copying', detail: { ...detail, total, rows } });
  }
}

function sleep(ms: number): Promise<null> {
  return new Promise((done) => setTimeout(() => done(null), ms).unref());
}
