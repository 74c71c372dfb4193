import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { hostname } from 'node:os';
import { resolve } from 'node:path';
import { HoldfastError } from '@holdfast/contract/errors.ts';
import { LIMITS } from '@holdfast/contract/limits.ts';
import { readDiskFloor } from '@holdfast/contract/process/disk-floor.ts';
import { readBytes } from '@holdfast/contract/process/read-bytes.ts';
import type { StepUser } from './shim/shim.ts';

/** Everything an agent is told from outside. */
export interface AgentConfig {
  readonly controllers: readonly string[];
  readonly token: string;
  readonly name: string;
  readonly labels: readonly string[];
  readonly zone: string;
  readonly slots: number;
  readonly host: boolean;
  /** One job, then the agent leaves: for machines that are thrown away. */
  readonly ephemeral: boolean;
  readonly address: string;
  readonly data: string;
  /** With less free than this below `data`, nothing new is taken. */
  readonly diskFloorBytes: number;
  /** A step that prints more is stopped. */
  readonly spoolBytes: number;
  readonly stepUser: StepUser | null;
  readonly logLevel: string;
}

export function readAgentConfig(
  values: { readonly [option: string]: string | boolean | undefined },
  env: NodeJS.ProcessEnv,
): AgentConfig {
  const text = (option: string, variable: string): string | undefined =>
    typeof values[option] === 'string' ? (values[option] as string) : env[variable];
  const required = (option: string, variable: string): string => {
    const given = text(option, variable);
    if (given) return given;
    throw new HoldfastError('usageInvalid', `--${option} (or ${variable}) is missing`);
  };
  const tokenFile = text('token-file', 'HOLDFAST_TOKEN_FILE');
  const ephemeral = values.ephemeral === true || env.HOLDFAST_AGENT_EPHEMERAL === '1';
  const slots = ephemeral ? 1 : Number(text('slots', 'HOLDFAST_AGENT_SLOTS') ?? 2);
  if (!Number.isInteger(slots) || slots < 0 || slots > 1_000)
    throw new HoldfastError('usageInvalid', `expected --slots from 0 to 1000, found ${values.slots}`);
  const extra = (text('labels', 'HOLDFAST_AGENT_LABELS') ?? '').split(',').filter((label) => label !== '');
  return {
    controllers: required('controller', 'HOLDFAST_CONTROLLER').split(','),
    token: tokenFile ? readFileSync(tokenFile, 'utf8').trim() : required('token', 'HOLDFAST_TOKEN'),
    name: text('name', 'HOLDFAST_AGENT_NAME') ?? hostname(),
    labels: [...new Set([...platformLabels(), ...extra.map((label) => label.toLowerCase())])],
    zone: text('zone', 'HOLDFAST_AGENT_ZONE') ?? '',
    slots,
    host: values.host === true || env.HOLDFAST_AGENT_HOST === '1',
    ephemeral,
    address: readAddress(text('address', 'HOLDFAST_AGENT_ADDRESS') ?? '127.0.0.1'),
    data: resolve(text('data', 'HOLDFAST_AGENT_DATA') ?? '/var/lib/holdfast/agent'),
    diskFloorBytes: readDiskFloor('HOLDFAST_AGENT_DISK_FLOOR', env),
    spoolBytes: readSpoolLimit(env),
    stepUser: readStepUser(text('step-user', 'HOLDFAST_STEP_USER')),
    logLevel: env.HOLDFAST_LOG_LEVEL ?? 'info',
  };
}

export function readSpoolLimit(env: NodeJS.ProcessEnv): number {
  return readBytes('HOLDFAST_AGENT_SPOOL_LIMIT', env) ?? LIMITS.stepSpoolBytes;
}

function platformLabels(): string[] {
  const system = process.platform === 'darwin' ? 'macos' : process.platform;
  return ['self-hosted', system, process.arch];
}

/** Some that are none by RFC 1123 resolve, those of containers among them. */
const HOST_NAME = /^[a-z0-9_][a-z0-9._-]*$/i;

function readAddress(text: string): string {
  // An IPv6 address with a zone has no place in a URL.
  if ((isIP(text) && !text.includes('%')) || HOST_NAME.test(text)) return text;
  throw new HoldfastError(
    'usageInvalid',
    `expected --address as the host name or IP address at which routers reach this machine, without a port, found ${text}`,
  );
}

function readStepUser(text: string | undefined): StepUser | null {
  if (text === undefined) return null;
  const match = /^(\d+)(?::(\d+))?$/.exec(text);
  if (!match)
    throw new HoldfastError('usageInvalid', `expected --step-user UID[:GID] in numbers, found ${text}`);
  if (process.getuid?.() !== 0)
    throw new HoldfastError('usageInvalid', '--step-user needs an agent that runs as root');
  return { uid: Number(match[1]), gid: Number(match[2] ?? match[1]) };
}
