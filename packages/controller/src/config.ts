import { existsSync, readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { HoldfastError } from '@holdfast/contract/errors.ts';
import { readDiskFloor } from '@holdfast/contract/process/disk-floor.ts';
import { DEFAULT_TIMERS, type LivenessTimers } from '@holdfast/core/pipeline/liveness.ts';

const STATE = '/var/lib/holdfast';

/** Everything a controller is told from outside. The only reader of argv and env in this process. */
export interface ControllerConfig {
  readonly name: string;
  readonly databaseUrl: string;
  readonly blobs: BlobPlace;
  readonly work: string;
  readonly host: string;
  readonly port: number;
  readonly masterKey: Buffer;
  readonly adminTokenFile: string | null;
  /** The built dashboard's folder. */
  readonly dashboard: string;
  readonly timers: LivenessTimers;
  readonly logLevel: string;
  readonly slackWebhook: string | null;
  readonly webhook: { readonly url: string; readonly secret: string | null } | null;
  readonly databaseConnections: number;
  /** How many jobs of one repository may be with agents at a time. */
  readonly jobsPerRepository: number;
  /** Logs are kept for so many days. */
  readonly logDays: number;
  /** Of a database on this machine: with less than the floor free beside it, no lease is given. */
  readonly databaseDisk: { readonly directory: string; readonly floorBytes: number } | null;
  /** Where metrics of analyses may be asked for, as origins. */
  readonly metricsOrigins: readonly string[];
}

export type BlobPlace =
  | { readonly kind: 'directory'; readonly root: string }
  | {
      readonly kind: 's3';
      readonly bucket: string;
      readonly prefix: string;
      readonly endpoint: string | null;
    };

export function readControllerConfig(
  values: { readonly [option: string]: string | undefined },
  env: NodeJS.ProcessEnv,
): ControllerConfig {
  const required = (option: string, variable: string): string => {
    const given = values[option] ?? env[variable];
    if (given) return given;
    throw new HoldfastError('usageInvalid', `--${option} (or ${variable}) is missing`);
  };
  const databaseUrl =
    secretText(values['database-file'] ?? env.HOLDFAST_DATABASE_FILE, env.HOLDFAST_DATABASE) ??
    values.database;
  if (!databaseUrl)
    throw new HoldfastError(
      'usageInvalid',
      'give --database-file FILE, or HOLDFAST_DATABASE in the environment',
    );
  const { host, port } = parseListen(values.listen ?? env.HOLDFAST_LISTEN ?? '127.0.0.1:7070');
  const blobs = parseBlobs(required('blobs', 'HOLDFAST_BLOBS'), env.HOLDFAST_S3_ENDPOINT ?? null);
  const slack = secretText(env.HOLDFAST_SLACK_WEBHOOK_FILE, env.HOLDFAST_SLACK_WEBHOOK);
  return {
    name: values.name ?? `${hostname()}-${process.pid}`,
    databaseUrl: databaseUrl.trim(),
    blobs,
    work: resolve(
      values.work ??
        env.HOLDFAST_WORK ??
        join(blobs.kind === 'directory' ? dirname(blobs.root) : STATE, `controller-${port}`),
    ),
    host,
    port,
    masterKey: readMasterKey(required('master-key-file', 'HOLDFAST_MASTER_KEY_FILE')),
    adminTokenFile: values['admin-token-file'] ?? env.HOLDFAST_ADMIN_TOKEN_FILE ?? null,
    dashboard: values.dashboard ?? env.HOLDFAST_DASHBOARD ?? bundledDashboard(),
    timers: readTimers(env),
    logLevel: env.HOLDFAST_LOG_LEVEL ?? 'info',
    slackWebhook: slack ?? null,
    databaseDisk: env.HOLDFAST_DATABASE_DIRECTORY
      ? {
          directory: env.HOLDFAST_DATABASE_DIRECTORY,
          floorBytes: readDiskFloor('HOLDFAST_DATABASE_DISK_FLOOR', env),
        }
      : null,
    metricsOrigins: originsOf(env.HOLDFAST_METRICS_ORIGINS),
    webhook: env.HOLDFAST_WEBHOOK_URL
      ? {
          url: env.HOLDFAST_WEBHOOK_URL,
          secret: secretText(env.HOLDFAST_WEBHOOK_SECRET_FILE, undefined) ?? null,
        }
      : null,
    databaseConnections: readCount(env, 'HOLDFAST_DATABASE_CONNECTIONS', 10),
    jobsPerRepository: readCount(env, 'HOLDFAST_JOBS_PER_REPOSITORY', 1_000),
    logDays: readCount(env, 'HOLDFAST_LOG_DAYS', 90),
  };
}

/** In the installed package beside this program, in the checkout where it is built. */
function bundledDashboard(): string {
  const bundled = fileURLToPath(new URL('./dashboard', import.meta.url));
  return existsSync(bundled) ? bundled : fileURLToPath(new URL('../../dashboard/dist', import.meta.url));
}

function readTimers(env: NodeJS.ProcessEnv): LivenessTimers {
  const timers = {
    suspectMs: Number(env.HOLDFAST_AGENT_SUSPECT_MS ?? DEFAULT_TIMERS.suspectMs),
    lostMs: Number(env.HOLDFAST_AGENT_LOST_MS ?? DEFAULT_TIMERS.lostMs),
  };
  if (timers.suspectMs >= 1_000 && timers.lostMs > timers.suspectMs) return timers;
  throw new HoldfastError(
    'usageInvalid',
    'HOLDFAST_AGENT_SUSPECT_MS must be at least 1000 and HOLDFAST_AGENT_LOST_MS larger than it',
  );
}

/** A directory, or s3://BUCKET[/PREFIX]. */
function parseBlobs(text: string, endpoint: string | null): BlobPlace {
  if (!text.startsWith('s3:')) return { kind: 'directory', root: resolve(text) };
  const match = /^s3:\/\/([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:\/([\w!.*'()/-]*))?$/.exec(text);
  if (!match)
    throw new HoldfastError('usageInvalid', `expected --blobs DIR or s3://BUCKET[/PREFIX], found ${text}`);
  if (endpoint !== null && !URL.canParse(endpoint))
    throw new HoldfastError('usageInvalid', `expected HOLDFAST_S3_ENDPOINT to be an URL, found ${endpoint}`);
  const prefix = (match[2] ?? '').replace(/\/?$/, '/');
  return { kind: 's3', bucket: match[1] as string, prefix: prefix === '/' ? '' : prefix, endpoint };
}

function readCount(env: NodeJS.ProcessEnv, variable: string, otherwise: number): number {
  const count = Number(env[variable] ?? otherwise);
  if (Number.isInteger(count) && count > 0) return count;
  throw new HoldfastError(
    'usageInvalid',
    `expected ${variable} to be a whole number above 0, found ${env[variable]}`,
  );
}

function secretText(file: string | undefined, plain: string | undefined): string | undefined {
  return file ? readFileSync(file, 'utf8').trim() : plain;
}

function readMasterKey(file: string): Buffer {
  const key = Buffer.from(readFileSync(file, 'utf8').trim(), 'base64');
  if (key.length === 32) return key;
  throw new HoldfastError('usageInvalid', `${file} must hold 32 bytes in base64, found ${key.length}`);
}

export function parseListen(text: string): { readonly host: string; readonly port: number } {
  const match = /^(?:\[?([^\]]*)\]?:)?(\d{1,5})$/.exec(text);
  if (!match || Number(match[2]) > 65_535)
    throw new HoldfastError('usageInvalid', `expected HOST:PORT, found ${text}`);
  return { host: match[1] || '127.0.0.1', port: Number(match[2]) };
}

function originsOf(text: string | undefined): readonly string[] {
  return (text ?? '').split(',').flatMap((given) => {
    const word = given.trim();
    if (word === '') return [];
    if (URL.canParse(word)) return [new URL(word).origin];
    throw new HoldfastError(
      'usageInvalid',
      `expected HOLDFAST_METRICS_ORIGINS as addresses such as http://prometheus:9090, found ${word}`,
    );
  });
}
