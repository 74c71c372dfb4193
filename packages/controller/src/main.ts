import { HoldfastError, KINDS } from '@holdfast/contract/errors.ts';
import { readOptions } from '@holdfast/contract/process/read-options.ts';
import pino from 'pino';
import { readControllerConfig } from './config.ts';
import { startController } from './controller.ts';

/** `holdfast controller`: one replica, until SIGTERM or SIGINT. */
const NAMES = [
  'name',
  'database',
  'database-file',
  'blobs',
  'work',
  'listen',
  'master-key-file',
  'admin-token-file',
  'dashboard',
] as const;

try {
  const flags = Object.fromEntries(NAMES.map((name) => [name, { type: 'string' as const }]));
  const values = readOptions('controller', flags) ?? process.exit(0);
  const config = readControllerConfig(values as Record<string, string | undefined>, process.env);
  const log = pino({
    level: config.logLevel,
    base: { process: 'controller', name: config.name },
    redact: ['*.token', '*.authorization', '*.secret', 'req.headers.authorization'],
  });
  const running = await startController(config, log);
  process.send?.({ ready: running.address });
  const stop = () => {
    log.info('stopping');
    running.stop().then(
      () => process.exit(0),
      () => process.exit(1),
    );
    setTimeout(() => process.exit(1), 10_000).unref();
  };
  process.once('SIGTERM', stop);
  process.once('SIGINT', stop);
} catch (error) {
  const known = error instanceof HoldfastError;
  // Whoever starts it may know which host it was; who asks it over HTTP need not.
  const cause = known && error.cause instanceof Error ? ` (${error.cause.message})` : '';
  process.stderr.write(
    `holdfast controller: ${known ? `${error.located}${cause}` : (error as Error).stack}\n`,
  );
  process.exit(known ? KINDS[error.kind].exit : 1);
}
