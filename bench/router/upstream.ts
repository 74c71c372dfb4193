import { createServer } from 'node:net';

/**
 * The application behind every proxy: answers each request with the same 1 kB. Written on sockets,
 * because it must be quicker than what is measured; requests are told by their empty line, so only
 * ones without a body come through right.
 */
const BODY = Buffer.alloc(1024, 'x');
const ANSWER = Buffer.concat([
  Buffer.from(`HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: ${BODY.length}\r\n\r\n`),
  BODY,
]);
const END = '\r\n\r\n';

const server = createServer({ noDelay: true }, (socket) => {
  let tail = '';
  socket.on('error', () => {});
  socket.on('data', (chunk) => {
    const parts = (tail + chunk.toString('latin1')).split(END);
    tail = parts.pop() as string;
    for (const _ of parts) socket.write(ANSWER);
  });
});
server.listen(Number(process.argv[2]), '127.0.0.1', () => process.send?.('ready'));
process.once('disconnect', () => process.exit(0));
