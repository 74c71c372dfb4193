import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import type { Exchange, Report, ReportResult } from '@holdfast/contract/agent/protocol.ts';
import type { LogPiece } from '@holdfast/core/pipeline/reports.ts';
import type { Logger } from 'pino';

/**
 * Reports as a numbered stream of this session, kept on disk until they are answered: a controller
 * that is away costs no result, and an agent that restarts still has what it did not get to say. A
 * disk that takes nothing keeps nobody from saying it meanwhile.
 */
const REQUEST_BYTES = 4 * 1024 * 1024;

/** A report with the end of the log that belongs to it. */
interface Entry {
  readonly number: number;
  readonly report: Report;
  readonly log: LogPiece | null;
}

export class ReportQueue {
  private readonly file: string;
  private waiting: Entry[] = [];
  private next = 1;
  private readonly listeners = new Map<number, (result: ReportResult) => void>();
  private readonly log: Logger;
  private kept = true;

  constructor(file: string, log: Logger) {
    this.file = file;
    this.log = log;
    for (const entry of leftOver(file)) this.add(entry);
  }

  /** Resolves with the controller's answer, however long that takes. */
  send(report: Report, log: LogPiece | null = null): Promise<ReportResult> {
    // Begun and ended before anybody was told of the beginning: the end says it all.
    if (report.kind === 'stepFinished') this.dropBeginning(report.attemptId);
    const number = this.add({ report, log });
    this.save();
    return new Promise((done) => this.listeners.set(number, done));
  }

  get isEmpty(): boolean {
    return this.waiting.length === 0;
  }

  /** As many as fit into one request, at least one. */
  get pending(): Pick<Exchange, 'reports' | 'logs'> {
    let bytes = 0;
    const fitting = this.waiting.findIndex((entry, index) => {
      bytes += Buffer.byteLength(JSON.stringify(entry));
      return index > 0 && bytes > REQUEST_BYTES;
    });
    const entries = this.waiting.slice(0, Math.min(fitting < 0 ? this.waiting.length : fitting, 200));
    return {
      reports: entries.map(({ number, report }) => ({ number, report })),
      logs: entries.flatMap(({ log }) => (log ? [log] : [])),
    };
  }

  settle(results: readonly ReportResult[]): void {
    if (results.length === 0) return;
    const answered = new Map(results.map((result) => [result.number, result]));
    this.waiting = this.waiting.filter((entry) => !answered.has(entry.number));
    this.save();
    for (const [number, result] of answered) {
      this.listeners.get(number)?.(result);
      this.listeners.delete(number);
    }
  }

  private dropBeginning(attemptId: string): void {
    const begun = this.waiting.find(
      (entry) => entry.report.kind === 'stepStarted' && entry.report.attemptId === attemptId,
    );
    if (!begun) return;
    this.waiting = this.waiting.filter((entry) => entry !== begun);
    this.listeners.delete(begun.number);
  }

  private add(entry: Omit<Entry, 'number'>): number {
    const number = this.next;
    this.next += 1;
    this.waiting.push({ number, ...entry });
    return number;
  }

  private save(): void {
    const draft = `${this.file}.tmp`;
    const entries = this.waiting.map(({ report, log }) => ({ report, log }));
    try {
      writeFileSync(draft, JSON.stringify(entries), { mode: 0o600 });
      renameSync(draft, this.file);
      this.kept = true;
    } catch (error) {
      // Once, and not for every report: all of them are written with the next one that can be.
      if (this.kept)
        this.log.warn({ err: error }, 'reports cannot be kept on disk; they are sent all the same');
      this.kept = false;
    }
  }
}

/** What an earlier life did not get to say. A file that cannot be read is set aside, not in the way. */
function leftOver(file: string): readonly Omit<Entry, 'number'>[] {
  if (!existsSync(file)) return [];
  try {
    const entries = JSON.parse(readFileSync(file, 'utf8')) as (Report | Omit<Entry, 'number'>)[];
    // Before version 0.2 reports lay there without their logs.
    return entries.map((entry) => ('report' in entry ? entry : { report: entry, log: null }));
  } catch {
    renameSync(file, `${file}.unreadable`);
    return [];
  }
}
