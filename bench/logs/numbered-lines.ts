/** Lines of a hundred bytes that say which they are, so that a lost or doubled one is seen. */
export const LINE_BYTES = 100;
const PADDING = '.'.repeat(LINE_BYTES - 'line 0123456789 \n'.length);

export function numberedLine(number: string): string {
  return `line ${number} ${PADDING}`;
}

/** Looks at a text piece by piece; lines before the first numbered one are the step's own words. */
export class LineCheck {
  lines = 0;
  wrong = 0;
  private rest = '';

  take(text: string): void {
    const lines = (this.rest + text).split('\n');
    this.rest = lines.pop() ?? '';
    for (const line of lines) this.line(line);
  }

  private line(line: string): void {
    if (this.lines === 0 && line.startsWith('> ')) return;
    if (line === numberedLine(String(this.lines + 1).padStart(10, '0'))) this.lines += 1;
    else this.wrong += 1;
  }
}
