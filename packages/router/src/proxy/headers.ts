import type { IncomingMessage } from 'node:http';

/** RFC 9110 §7.6.1: fields that speak of one connection are not passed on. */
const HOP_BY_HOP = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'proxy-authenticate',
  'proxy-authorization',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

export function forwardedHeaders(request: IncomingMessage): string[] {
  const named = new Set(
    (request.headers.connection ?? '')
      .toLowerCase()
      .split(',')
      .map((name) => name.trim()),
  );
  const headers: string[] = [];
  const raw = request.rawHeaders;
  for (let index = 0; index < raw.length; index += 2) {
    const name = raw[index] as string;
    const lower = name.toLowerCase();
    if (HOP_BY_HOP.has(lower) || named.has(lower) || lower === 'expect') continue;
    if (lower === 'x-forwarded-for' || lower === 'x-forwarded-proto' || lower === 'x-forwarded-host')
      continue;
    headers.push(name, raw[index + 1] as string);
  }
  const peer = request.socket.remoteAddress ?? '';
  const before = request.headers['x-forwarded-for'];
  headers.push(
    'x-forwarded-for',
    typeof before === 'string' ? `${before}, ${peer}` : peer,
    'x-forwarded-proto',
    'encrypted' in request.socket ? 'https' : 'http',
  );
  if (request.headers.host) headers.push('x-forwarded-host', request.headers.host);
  return headers;
}

export function answerHeaders(rawHeaders: readonly (string | Buffer)[]): string[] {
  const headers: string[] = [];
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = String(rawHeaders[index]);
    if (!HOP_BY_HOP.has(name.toLowerCase()))
      headers.push(name, (rawHeaders[index + 1] as Buffer).toString('latin1'));
  }
  return headers;
}
