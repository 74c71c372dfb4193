/**
 * Follows the frames a server sends (RFC 6455 §5.2), so that a frame of our own can be put between
 * two of its. Counts only what is needed: header lengths, payload to skip.
 */
export class WebSocketFrames {
  closing = false;
  private header: number[] = [];
  private payloadLeft = 0;

  get betweenFrames(): boolean {
    return this.header.length === 0 && this.payloadLeft === 0;
  }

  follow(chunk: Buffer): void {
    for (let at = 0; at < chunk.length; ) {
      if (this.payloadLeft > 0) {
        const skipped = Math.min(this.payloadLeft, chunk.length - at);
        this.payloadLeft -= skipped;
        at += skipped;
      } else {
        this.header.push(chunk[at] as number);
        at += 1;
        this.readHeader();
      }
    }
  }

  private readHeader(): void {
    const [, second] = this.header;
    if (second === undefined) return;
    const short = second & 0x7f;
    const extended = short === 126 ? 2 : short === 127 ? 8 : 0;
    const masked = (second & 0x80) !== 0 ? 4 : 0;
    if (this.header.length < 2 + extended + masked) return;
    const bytes = this.header.slice(2, 2 + extended);
    this.payloadLeft = extended === 0 ? short : bytes.reduce((sum, byte) => sum * 256 + byte, 0);
    this.header = [];
  }
}
