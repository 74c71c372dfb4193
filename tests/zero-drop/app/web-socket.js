import { createHash } from 'node:crypto';

/** The least of RFC 6455 that an echo needs: short text frames, ping, close. */
const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';
const TEXT = 0x1;
const CLOSE = 0x8;
const PING = 0x9;
const PONG = 0xa;

export function accept(request, socket) {
  const key = createHash('sha1').update(`${request.headers['sec-websocket-key']}${GUID}`).digest('base64');
  socket.write(
    `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${key}\r\nX-Instance: ${process.env.HOLDFAST_INSTANCE}\r\n\r\n`,
  );
}

/** Answers every message with itself; `end` when the connection is over. */
export function echo(socket, { message, end }) {
  let kept = Buffer.alloc(0);
  let over = false;
  const finish = () => {
    if (over) return;
    over = true;
    end();
  };
  socket.on('data', (chunk) => {
    kept = Buffer.concat([kept, chunk]);
    for (let frame = take(kept); frame; frame = take(kept)) {
      kept = kept.subarray(frame.bytes);
      if (frame.opcode === TEXT) {
        message(frame.payload.toString());
        send(socket, TEXT, frame.payload);
      }
      if (frame.opcode === PING) send(socket, PONG, frame.payload);
      if (frame.opcode === CLOSE) {
        send(socket, CLOSE, frame.payload);
        socket.end();
      }
    }
  });
  // The server's sockets stay half open until their own side is ended, too.
  socket.on('end', () => socket.end());
  socket.on('error', finish);
  socket.on('close', finish);
}

export function goAway(socket) {
  send(socket, CLOSE, Buffer.from([0x03, 0xe9]));
  socket.end();
}

function take(bytes) {
  if (bytes.length < 2) return null;
  const short = bytes[1] & 0x7f;
  const extended = short === 126 ? 2 : 0;
  const mask = bytes[1] & 0x80 ? 4 : 0;
  const head = 2 + extended + mask;
  if (bytes.length < head) return null;
  const length = extended ? bytes.readUInt16BE(2) : short;
  if (bytes.length < head + length) return null;
  const payload = Buffer.from(bytes.subarray(head, head + length));
  for (let at = 0; mask && at < length; at += 1) payload[at] ^= bytes[head - 4 + (at % 4)];
  return { opcode: bytes[0] & 0x0f, payload, bytes: head + length };
}

function send(socket, opcode, payload) {
  if (!socket.writable) return;
  const head =
    payload.length < 126
      ? Buffer.from([0x80 | opcode, payload.length])
      : Buffer.from([0x80 | opcode, 126, payload.length >> 8, payload.length & 0xff]);
  socket.write(Buffer.concat([head, payload]));
}
