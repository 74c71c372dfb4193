/**
 * Follows the frames a server sends (RFC 6455 §5.2), so that a frame of our own can be put between
 * two of its. Counts only what is needed: the handshake's end, header lengths, payload to skip.
 */
export class WebSocketFrames {
  closing = false;
  private inHandshake = true;
  private tail = '';
  private header: number[] = [];
  private payloadLeft = 0;

  get betweenFrames(): boolean {
    return !this.inHandshake && this.header.length === 0 && this.payloadLeft === 0;
  }

  follow(chunk: Buffer): void {
    let at = this.inHandshake ? this.skipHandshake(chunk) : 0;
    while (at < chunk.length) {
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

  private skipHandshake(chunk: Buffer): number {
    const text = this.tail + chunk.toString('latin1');
    const end = text.indexOf('\r\n\r\n');
    if (end < 0) {
      this.tail = text.slice(-3);
      return chunk.length;
    }
    this.inHandshake = false;
    return end + 4 - this.tail.length;
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
