import { createServer } from 'node:http';
import { extraMs, failing, version } from './behaviour.js';

/** A shop without dependencies: a page, a cart, orders by POST, and an honest /readyz. */
const release = process.env.HOLDFAST_RELEASE;
const server = createServer((request, response) => {
  const path = new URL(request.url, 'http://shop').pathname;
  if (path === '/readyz')
    return answer(response, 200, { ready: true, release, checks: { catalogue: 'warm' } });
  if (path === '/cart' && request.url.includes('probe=1')) return answer(response, 200, { ok: true });
  setTimeout(() => serve(request, response, path), 5 + Math.random() * 10 + extraMs);
});

function serve(request, response, path) {
  if (Math.random() < failing) return answer(response, 500, { error: 'the catalogue is broken' });
  if (request.method !== 'POST')
    return answer(response, 200, { path, version, id: request.headers['x-request-id'] });
  let size = 0;
  request.on('data', (chunk) => {
    size += chunk.length;
  });
  request.on('end', () =>
    answer(response, 201, { ordered: size, version, id: request.headers['x-request-id'] }),
  );
}

function answer(response, status, body) {
  const text = JSON.stringify(body);
  response.writeHead(status, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(text),
  });
  response.end(text);
}

server.listen(Number(process.env.PORT ?? 3000), '127.0.0.1');

/** Told to go: finish what is in flight, take nothing new. */
process.on('SIGTERM', () => {
  server.close(() => process.exit(0));
  server.closeIdleConnections();
});
