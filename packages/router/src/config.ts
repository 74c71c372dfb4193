import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { HoldfastError } from '@holdfast/contract/errors.ts';
import type { TlsFiles } from './front.ts';

/** Everything a router is told from outside; the holder passes it on to its workers by env. */
export interface RouterConfig {
  readonly controllers: readonly string[];
  readonly token: string;
  /** APP/ENV */
  readonly environment: string;
  readonly host: string;
  readonly port: number;
  readonly data: string;
  readonly workers: number;
  readonly logLevel: string;
  readonly limits: RouterLimits;
  /** null: plain HTTP. */
  readonly tls: TlsFiles | null;
  /** A file, `-` for standard output; null: none. */
  readonly accessLog: string | null;
}

export interface RouterLimits {
  /** Requests in flight on one instance; beyond it, 503 with Retry-After. */
  readonly inFlightPerInstance: number;
  /** Retries may be this part of the requests of the last ten seconds, at least ten. */
  readonly retryShare: number;
  readonly headersTimeoutMs: number;
}

export function readRouterConfig(
  values: { readonly [option: string]: string | undefined },
  env: NodeJS.ProcessEnv,
): RouterConfig {
  const given = (option: string, variable: string): string => {
    const text = values[option] ?? env[variable];
    if (text) return text;
    throw new HoldfastError('usageInvalid', `--${option} (or ${variable}) is missing`);
  };
  const listen = /^(?:(.*):)?(\d+)$/.exec(given('listen', 'HOLDFAST_ROUTER_LISTEN'));
  if (!listen || Number(listen[2]) > 65_535)
    throw new HoldfastError('usageInvalid', `expected --listen HOST:PORT, found ${values.listen}`);
  const environment = given('environment', 'HOLDFAST_ROUTER_ENVIRONMENT');
  if (!/^[a-z0-9-]+\/[a-z0-9-]+$/.test(environment))
    throw new HoldfastError('usageInvalid', `expected --environment APP/ENV, found ${environment}`);
  const tokenFile = values['token-file'] ?? env.HOLDFAST_TOKEN_FILE;
  const driver = values.driver ?? 'embedded';
  if (driver !== 'embedded')
    throw new HoldfastError(
      'usageInvalid',
      `driver ${driver} is not supported by this version, expected embedded`,
    );
  return {
    controllers: given('controller', 'HOLDFAST_CONTROLLER').split(','),
    token: tokenFile ? readToken(tokenFile) : given('token', 'HOLDFAST_TOKEN'),
    environment,
    host: listen[1]?.replace(/^\[(.*)\]$/, '$1') || '0.0.0.0',
    port: Number(listen[2]),
    data: resolve(
      values.data ??
        env.HOLDFAST_ROUTER_DATA ??
        join('.holdfast-data', 'router', environment.replace('/', '-')),
    ),
    workers: Number(values.workers ?? env.HOLDFAST_ROUTER_WORKERS ?? 2),
    logLevel: env.HOLDFAST_LOG_LEVEL ?? 'info',
    tls: tlsOf(values['tls-cert'] ?? env.HOLDFAST_TLS_CERT, values['tls-key'] ?? env.HOLDFAST_TLS_KEY),
    accessLog: values['access-log'] ?? env.HOLDFAST_ACCESS_LOG ?? null,
    limits: { inFlightPerInstance: 1_000, retryShare: 0.2, headersTimeoutMs: 60_000 },
  };
}

function readToken(file: string): string {
  try {
    return readFileSync(file, 'utf8').trim();
  } catch (error) {
    throw new HoldfastError(
      'usageInvalid',
      `--token-file ${file} cannot be read: ${(error as Error).message}`,
    );
  }
}

function tlsOf(certificate: string | undefined, key: string | undefined): TlsFiles | null {
  if (!certificate && !key) return null;
  if (certificate && key) return { certificate: resolve(certificate), key: resolve(key) };
  throw new HoldfastError('usageInvalid', 'TLS needs both --tls-cert FILE and --tls-key FILE');
}
