/** What must not be seen. Longest first, so that a part never uncovers the whole. */
export class Masks {
  private readonly values = new Set<string>();
  private pattern: RegExp | null = null;

  constructor(initial: Iterable<string> = []) {
    for (const value of initial) this.add(value);
  }

  add(value: string): void {
    for (const line of value.split('\n')) {
      const text = line.trim();
      // One or two characters would blank out half a log and hide nothing.
      if (text.length >= 3) this.values.add(text);
    }
    this.pattern = null;
  }

  list(): readonly string[] {
    return [...this.values];
  }

  hide(text: string): string {
    if (this.values.size === 0) return text;
    this.pattern ??= new RegExp(
      [...this.values]
        .sort((a, b) => b.length - a.length)
        .map(escapePattern)
        .join('|'),
      'g',
    );
    return text.replace(this.pattern, '***');
  }
}

function escapePattern(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
