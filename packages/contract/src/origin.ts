import { isIPv6 } from 'node:net';

/** `http://host:port`; an IPv6 address stands in brackets (RFC 3986 §3.2.2). */
export function httpOrigin({ host, port }: { readonly host: string; readonly port: number }): string {
  return `http://${isIPv6(host) ? `[${host}]` : host}:${port}`;
}
