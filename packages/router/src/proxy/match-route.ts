import type { IncomingMessage } from 'node:http';
import type { Route } from '@holdfast/core/traffic/traffic.ts';
import { cookieOf } from './sticky.ts';

/** Whether the request asks for the candidate by a header or a cookie of the step. */
export function matchesRoute(request: IncomingMessage, routes: readonly Route[]): boolean {
  return routes.some(({ kind, name, value }) =>
    kind === 'header' ? request.headers[name.toLowerCase()] === value : cookieOf(request, name) === value,
  );
}
