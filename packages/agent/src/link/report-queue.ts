import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import type { Exchange, Report, ReportResult } from '@holdfast/contract/agent/protocol.ts';

/**
 * Reports as a numbered stream of this session, kept on disk until they are answered: a controller
 * that is away costs no result, and an agent that restarts still has what it did not get to say.
 */
const REQUEST_BYTES = 4 * 1024 * 1024;

type Numbered = Exchange['reports'][number];

export class ReportQueue {
  private readonly file: string;
  private waiting: Numbered[] = [];
  private next = 1;
  private readonly listeners = new Map<number, (result: ReportResult) => void>();

  constructor(file: string) {
    this.file = file;
    const left = existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Report[]) : [];
    for (const report of left) this.add(report);
  }

  /** Resolves with the controller's answer, however long that takes. */
  send(report: Report): Promise<ReportResult> {
    const number = this.add(report);
    this.save();
    return new Promise((done) => this.listeners.set(number, done));
  }

  /** As many as fit into one request, at least one. */
  get pending(): readonly Numbered[] {
    let bytes = 0;
    const fitting = this.waiting.findIndex((entry, index) => {
      bytes += JSON.stringify(entry).length;
      return index > 0 && bytes > REQUEST_BYTES;
    });
    return this.waiting.slice(0, Math.min(fitting < 0 ? this.waiting.length : fitting, 200));
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

  private add(report: Report): number {
    const number = this.next;
    this.next += 1;
    this.waiting.push({ number, report });
    return number;
  }

  private save(): void {
    const draft = `${this.file}.tmp`;
    writeFileSync(draft, JSON.stringify(this.waiting.map((entry) => entry.report)), { mode: 0o600 });
    renameSync(draft, this.file);
  }
}
