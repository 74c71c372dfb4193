import { StringDecoder } from 'node:string_decoder';
import { LIMITS } from '@holdfast/contract/limits.ts';
import { type Command, parseCommand } from './commands.ts';
import type { Masks } from './masks.ts';
import { openStepFile } from './step-files.ts';

/**
 * Follows a shim's spool from its beginning: splits lines, takes commands out, hides masks. Read
 * again after a restart it gives the same text at the same offsets, so that nothing is lost and
 * nothing doubled.
 */
export interface OutputSink {
  text(text: string): void;
  /** Too much waits already: reading goes on later, the spool keeps it. */
  full?(): boolean;
  command(command: Command): void;
}

const CHUNK = 256 * 1024;

export class OutputReader {
  private readonly file: string;
  private readonly masks: Masks;
  private readonly sink: OutputSink;
  private readonly decoder = new StringDecoder('utf8');
  private position = 0;
  private rest = '';
  private stopToken: string | null = null;

  constructor(file: string, masks: Masks, sink: OutputSink) {
    this.file = file;
    this.masks = masks;
    this.sink = sink;
  }

  /** Reads what is new; true when it got to the end. Up to `last`, where it ends: a line without its end counts, too. */
  async read(last: number | null = null): Promise<boolean> {
    if (!(await this.readNew(last ?? Number.POSITIVE_INFINITY))) return false;
    if (last === null) return true;
    const rest = this.rest + this.decoder.end();
    this.rest = '';
    if (rest !== '') this.line(rest);
    return true;
  }

  private async readNew(end: number): Promise<boolean> {
    const handle = await openStepFile(this.file);
    if (!handle) return true;
    try {
      const buffer = Buffer.allocUnsafe(CHUNK);
      // As it is now: somebody may write faster than this reads.
      const until = Math.min(end, (await handle.stat()).size);
      while (!this.sink.full?.()) {
        const most = Math.max(0, Math.min(CHUNK, until - this.position));
        const { bytesRead } = await handle.read(buffer, 0, most, this.position);
        if (bytesRead === 0) return true;
        this.position += bytesRead;
        this.take(this.decoder.write(buffer.subarray(0, bytesRead)));
      }
      return false;
    } finally {
      await handle.close();
    }
  }

  /** A line is cut at exactly the limit, so that reading again cuts it the same way. */
  private take(text: string): void {
    const lines = (this.rest + text).split('\n');
    this.rest = lines.pop() ?? '';
    for (const line of lines) this.cut(line);
    while (this.rest.length > LIMITS.logLineBytes) {
      this.line(this.rest.slice(0, LIMITS.logLineBytes));
      this.rest = this.rest.slice(LIMITS.logLineBytes);
    }
  }

  private cut(line: string): void {
    for (let at = 0; at === 0 || at < line.length; at += LIMITS.logLineBytes)
      this.line(line.slice(at, at + LIMITS.logLineBytes));
  }

  private line(line: string): void {
    const command = line.trimStart().startsWith('::') ? parseCommand(line.trim()) : null;
    if (this.stopToken !== null) {
      if (command?.kind === 'resume' && command.token === this.stopToken) this.stopToken = null;
      else this.sink.text(`${this.masks.hide(line)}\n`);
      return;
    }
    if (command === null || command.kind === 'resume') return this.sink.text(`${this.masks.hide(line)}\n`);
    if (command.kind === 'mask') this.masks.add(command.value);
    if (command.kind === 'stop') this.stopToken = command.token;
    if (command.kind === 'annotation')
      this.sink.text(`${command.level}: ${this.masks.hide(command.message)}\n`);
    this.sink.command(
      command.kind === 'annotation' ? { ...command, message: this.masks.hide(command.message) } : command,
    );
  }
}
