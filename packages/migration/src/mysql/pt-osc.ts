import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { MysqlPlace } from './mysql-session.ts';
import { tlsLines } from './mysql-tls.ts';
import type { MysqlStatement } from './statements.ts';

/**
 * pt-online-schema-change as a process that copies a table into a shadow of the new shape and keeps both equal by
 * triggers. Its exit code is not to be relied on (it may be errno of Perl), so its last line is read, too.
 */
export interface OscAsked {
  readonly place: MysqlPlace;
  readonly statement: MysqlStatement;
  /** The shadow's name, of this try alone. */
  readonly shadow: string;
  /** Its connections hold locks of this name. */
  readonly token: string;
  /** For its control files, of this controller. */
  readonly work: string;
  readonly batchMs: number;
  readonly nice: number;
}

export interface OscSeen {
  readonly total: number | null;
  /** 0–100, as the tool says it once a second. */
  readonly percent: number;
}

export type OscEnd =
  | { readonly kind: 'copied' }
  /** It was asked to end, or lost what it worked with: another try may do. */
  | { readonly kind: 'stopped' }
  | { readonly kind: 'failed'; readonly reason: string };

const PROGRAM = 'pt-online-schema-change';
const PLUGIN = fileURLToPath(new URL('./holdfast_osc.pl', import.meta.url));
const STOPPED = 75;
const KILL_AFTER_MS = 5_000;
const LINES_KEPT = 30;
const PASSING =
  /gone away|Lost connection|Lock wait timeout|Deadlock|Can't connect|Too many connections|disk full|No space left/i;

export function isOscInstalled(): Promise<boolean> {
  return new Promise((done) => execFile(PROGRAM, ['--version'], (error) => done(error === null)));
}

export class OscProcess {
  readonly ended: Promise<OscEnd>;
  private readonly folder: string;
  private readonly child: ChildProcess;
  private readonly last: string[] = [];
  private seen: OscSeen = { total: null, percent: 0 };
  private resting = false;

  constructor(asked: OscAsked) {
    mkdirSync(asked.work, { recursive: true, mode: 0o700 });
    this.folder = mkdtempSync(join(asked.work, 'osc-'));
    writeFileSync(join(this.folder, 'client.cnf'), clientFile(asked.place), { mode: 0o600 });
    this.child = spawn(PROGRAM, argumentsOf(asked, this.folder), {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        PATH: process.env.PATH,
        HOME: this.folder,
        LANG: 'C',
        HOLDFAST_OSC_DIR: this.folder,
        HOLDFAST_OSC_TOKEN: asked.token,
      },
    });
    for (const stream of [this.child.stdout, this.child.stderr])
      if (stream) createInterface({ input: stream }).on('line', (line) => this.hear(line));
    this.ended = new Promise((done) => {
      this.child.once('error', (error) => done({ kind: 'failed', reason: error.message }));
      this.child.once('close', (code) => done(this.endOf(code)));
    });
    void this.ended.then(() => rmSync(this.folder, { recursive: true, force: true }));
  }

  get state(): OscSeen {
    return this.seen;
  }

  rest(wanted: boolean): void {
    if (wanted === this.resting) return;
    this.resting = wanted;
    const file = join(this.folder, 'pause');
    if (wanted) writeFileSync(file, '');
    else rmSync(file, { force: true });
  }

  /** Its shadow and triggers stay: whoever stops it clears them away. */
  async stop(): Promise<void> {
    this.child.kill('SIGTERM');
    const killer = setTimeout(() => this.child.kill('SIGKILL'), KILL_AFTER_MS);
    await this.ended;
    clearTimeout(killer);
  }

  private hear(line: string): void {
    this.last.push(line);
    if (this.last.length > LINES_KEPT) this.last.shift();
    this.seen = { ...this.seen, ...newsIn(line) };
  }

  private endOf(code: number | null): OscEnd {
    if (code === 0 && this.last.some((line) => line.startsWith('Successfully altered')))
      return { kind: 'copied' };
    const passing = this.last.some((line) => PASSING.test(line));
    if (code === STOPPED || code === null || passing) return { kind: 'stopped' };
    return { kind: 'failed', reason: `pt-online-schema-change ended (${code}): ${this.sentence()}` };
  }

  /** What it says of rows may quote their values; the rest says what is wrong. */
  private sentence(): string {
    const telling = this.last.filter(
      (line) =>
        !/^(?:HOLDFAST|Copying `|Operation, tries|\s|\d{4}-\S+ (?!Cannot )|No slaves|Not |Altering|Created|Altered|#)/.test(
          line,
        ),
    );
    const error = telling.findLast((line) => /error|cannot|exceed|refus|did not|already/i.test(line));
    return (error ?? telling.at(-1) ?? 'no word from it')
      .replace(/^\d{4}-\S+ /, '')
      .replace(/\[for Statement[\s\S]*$/, '')
      .slice(0, 300)
      .trim();
  }
}

/** What one line of the tool says. */
export function newsIn(line: string): Partial<OscSeen> {
  const total = /Copying approximately (\d+) rows/.exec(line);
  if (total) return { total: Number(total[1]) };
  const percent = /^Copying `.*`:\s+(\d+)% /.exec(line);
  if (percent) return { percent: Number(percent[1]) };
  return line.endsWith('Copied rows OK.') ? { percent: 100 } : {};
}

function argumentsOf(
  { place, statement, shadow, batchMs, nice }: OscAsked,
  folder: string,
): readonly string[] {
  const seconds = Math.max(0.02, batchMs / 1_000);
  return [
    '--config',
    '/dev/null',
    '--no-version-check',
    ...['--recursion-method', 'none'],
    ...['--chunk-time', String(seconds)],
    ...['--sleep', String(seconds * nice)],
    ...['--progress', 'time,1'],
    ...['--max-load', ''],
    ...['--critical-load', ''],
    ...['--set-vars', 'lock_wait_timeout=1,innodb_lock_wait_timeout=1,wait_timeout=600'],
    ...['--tries', 'create_triggers:10:1,copy_rows:60:0.5'],
    ...['--new-table-name', shadow],
    '--no-swap-tables',
    '--no-drop-new-table',
    '--no-drop-old-table',
    '--no-drop-triggers',
    ...['--plugin', PLUGIN],
    `--alter=${statement.text}`,
    '--execute',
    `D=${place.database},t=${statement.table},F=${join(folder, 'client.cnf')},A=utf8mb4`,
  ];
}

/** To "localhost" the client library goes by a socket of this machine, whatever protocol is said. */
function clientFile({ host, port, user, password, tls }: MysqlPlace): string {
  const quoted = (text: string) => `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`;
  return `[client]\nhost=${host === 'localhost' ? '127.0.0.1' : host}\nport=${port}\nuser=${quoted(user)}\npassword=${quoted(password)}\n${tlsLines(tls)}`;
}
