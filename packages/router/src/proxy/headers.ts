import type { IncomingMessage } from 'node:http';

/** RFC 9110 §7.6.1: fields that speak of one connection are not passed on. */
const HOP_BY_HOP: ReadonlySet<string> = new Set([
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
/** Of a request; what it says of former hops is written anew. */
const NOT_FORWARDED: ReadonlySet<string> = new Set([
  ...HOP_BY_HOP,
  'expect',
  'x-forwarded-for',
  'x-forwarded-proto',
  'x-forwarded-host',
]);

export function forwardedHeaders(request: IncomingMessage): string[] {
  const { connection, host, 'x-forwarded-for': before } = request.headers;
  const named = connection === undefined || connection === 'keep-alive' ? null : namedBy(connection);
  const headers: string[] = [];
  const raw = request.rawHeaders;
  for (let index = 0; index < raw.length; index += 2) {
    const name = raw[index] as string;
    const lower = name.toLowerCase();
    if (NOT_FORWARDED.has(lower) || named?.has(lower)) continue;
    headers.push(name, raw[index + 1] as string);
  }
  const peer = request.socket.remoteAddress ?? '';
  headers.push(
    'x-forwarded-for',
    typeof before === 'string' ? `${before}, ${peer}` : peer,
    'x-forwarded-proto',
    'encrypted' in request.socket ? 'https' : 'http',
  );
  if (host) headers.push('x-forwarded-host', host);
  return headers;
}

/** What the Connection field lists speaks of that connection, too. */
function namedBy(connection: string): ReadonlySet<string> {
  return new Set(
    connection
      .toLowerCase()
      .split(',')
      .map((name) => name.trim()),
  );
}

export interface AnswerHeaders {
  readonly headers: string[];
  /** Its Content-Length; -1: none. */
  readonly length: number;
}

export function answerHeaders(rawHeaders: readonly Buffer[]): AnswerHeaders {
  const headers: string[] = [];
  let length = -1;
  let connection = '';
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = (rawHeaders[index] as Buffer).toString('latin1');
    const lower = name.toLowerCase();
    if (lower === 'connection') connection = (rawHeaders[index + 1] as Buffer).toString('latin1');
    if (HOP_BY_HOP.has(lower)) continue;
    const value = (rawHeaders[index + 1] as Buffer).toString('latin1');
    if (lower === 'content-length') length = Number(value);
    headers.push(name, value);
  }
  const plain = connection === '' || connection === 'keep-alive' || connection === 'close';
  return { headers: plain ? headers : without(headers, namedBy(connection)), length };
}

function without(headers: readonly string[], names: ReadonlySet<string>): string[] {
  return headers.filter((_, index) => !names.has((headers[index - (index % 2)] as string).toLowerCase()));
}
