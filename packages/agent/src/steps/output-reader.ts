import { existsSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { StringDecoder } from 'node:string_decoder';
import { LIMITS } from '@holdfast/contract/limits.ts';
import { type Command, parseCommand } from './commands.ts';
import type { Masks } from './masks.ts';

/**
 * Follows a shim's spool from its beginning: splits lines, takes commands out, hides masks. Read
 * again after a restart it gives the same text at the same offsets, so that nothing is lost and
 * nothing doubled.
 */
export interface OutputSink {
  text(text: string): void;
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

  /** Reads what is new. `last`: a line without its end counts too. */
  async read(last: boolean): Promise<void> {
    if (existsSync(this.file)) await this.readNew();
    if (!last) return;
    const rest = this.rest + this.decoder.end();
    this.rest = '';
    if (rest !== '') this.line(rest);
  }

  private async readNew(): Promise<void> {
    const handle = await open(this.file, 'r');
    try {
      const buffer = Buffer.allocUnsafe(CHUNK);
      for (;;) {
        const { bytesRead } = await handle.read(buffer, 0, CHUNK, this.position);
        if (bytesRead === 0) return;
        this.position += bytesRead;
        this.take(this.decoder.write(buffer.subarray(0, bytesRead)));
      }
    } finally {
      await handle.close();
    }
  }

  private take(text: string): void {
    const lines = (this.rest + text).split('\n');
    this.rest = lines.pop() ?? '';
    // A line without an end is not kept for ever.
    if (this.rest.length > LIMITS.logLineBytes) {
      lines.push(this.rest);
      this.rest = '';
    }
    for (const line of lines) this.line(line);
  }

  private line(line: string): void {
    const command = line.startsWith('::') ? parseCommand(line) : null;
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
