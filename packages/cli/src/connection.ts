import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { type Client, createClient } from '@holdfast/contract/api/client.ts';
import { HoldfastError } from '@holdfast/contract/errors.ts';
import type { Command } from 'commander';
import { z } from 'zod';

/** Which controller and with which token: options, then environment, then what log-in kept. */
const credentials = z.object({ controllers: z.array(z.url()).min(1), token: z.string().min(1) });
export type Credentials = z.infer<typeof credentials>;

export interface Globals {
  readonly json: boolean;
  readonly quiet: boolean;
  readonly controller: string | undefined;
  readonly idempotencyKey: string | undefined;
}

export function globals(command: Command): Globals {
  const {
    json = false,
    quiet = false,
    controller,
    idempotencyKey,
  } = command.optsWithGlobals<Partial<Globals>>();
  return { json, quiet, controller, idempotencyKey };
}

export function credentialsFile(env: NodeJS.ProcessEnv = process.env): string {
  return (
    env.HOLDFAST_CREDENTIALS ??
    join(env.XDG_CONFIG_HOME ?? join(homedir(), '.config'), 'holdfast', 'credentials.json')
  );
}

export function keepCredentials(kept: Credentials): void {
  const file = credentialsFile();
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  writeFileSync(file, `${JSON.stringify(kept, null, 2)}\n`, { mode: 0o600 });
}

/** A file, or stdin without one. */
export function readInput(file: string | undefined): string {
  try {
    return readFileSync(file ?? 0, 'utf8');
  } catch (cause) {
    throw new HoldfastError('usageInvalid', `cannot read ${file ?? 'stdin'}: ${(cause as Error).message}`, {
      cause,
    });
  }
}

export function readCredentials(command: Command, env: NodeJS.ProcessEnv = process.env): Credentials {
  const file = credentialsFile(env);
  const kept = existsSync(file)
    ? credentials.safeParse(JSON.parse(readFileSync(file, 'utf8'))).data
    : undefined;
  const controllers =
    globals(command).controller?.split(',') ?? env.HOLDFAST_CONTROLLER?.split(',') ?? kept?.controllers;
  const token = env.HOLDFAST_TOKEN_FILE
    ? readInput(env.HOLDFAST_TOKEN_FILE).trim()
    : (env.HOLDFAST_TOKEN ?? kept?.token);
  if (!controllers)
    throw new HoldfastError(
      'controllerUnreachable',
      'no controller is known: run holdfast up, or holdfast login --controller URL',
    );
  if (!token)
    throw new HoldfastError(
      'tokenInvalid',
      'no token is known: run holdfast login, or set HOLDFAST_TOKEN_FILE',
    );
  return { controllers, token };
}

export function connect(command: Command): Client {
  return createClient({ ...readCredentials(command), idempotencyKey: globals(command).idempotencyKey });
}
