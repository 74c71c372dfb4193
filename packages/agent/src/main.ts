import { HoldfastError, KINDS } from '@holdfast/contract/errors.ts';
import { readOptions } from '@holdfast/contract/process/read-options.ts';
import pino from 'pino';
import { Agent } from './agent.ts';
import { readAgentConfig } from './config.ts';
import { stopInstances } from './host/stop-instances.ts';

/**
 * `holdfast agent`: until SIGINT, which says goodbye (jobs go elsewhere), or SIGTERM, after which the next process of
 * this agent is expected within seconds and goes on with what runs. Where nothing outlives this process, in a container
 * of its own or as an ephemeral agent, SIGTERM is a goodbye, too.
 */
const TEXTS = [
  'controller',
  'token',
  'token-file',
  'name',
  'labels',
  'zone',
  'slots',
  'address',
  'data',
  'step-user',
] as const;

try {
  const options = {
    ...Object.fromEntries(TEXTS.map((name) => [name, { type: 'string' as const }])),
    host: { type: 'boolean' as const },
    ephemeral: { type: 'boolean' as const },
    'stop-instances': { type: 'boolean' as const },
  };
  const values = readOptions('agent', options) ?? process.exit(0);
  const config = readAgentConfig(values, process.env);
  if (values['stop-instances']) {
    await stopInstances(config.data);
    process.exit(0);
  }
  const log = pino({ level: config.logLevel, base: { process: 'agent', name: config.name } });
  const agent = new Agent(config, log);
  agent.start();
  process.send?.({ ready: true });
  const leave = (how: () => Promise<void>) => {
    void how().finally(() => process.exit(0));
    setTimeout(() => process.exit(1), 10_000).unref();
  };
  const goodbye = () => leave(() => agent.stop());
  const outlived = process.pid !== 1 && !config.ephemeral;
  process.once('SIGINT', goodbye);
  process.once('SIGTERM', outlived ? () => leave(() => agent.handOver()) : goodbye);
  void agent.done.then(goodbye);
} catch (error) {
  const known = error instanceof HoldfastError;
  process.stderr.write(`holdfast agent: ${known ? error.located : (error as Error).stack}\n`);
  process.exit(known ? KINDS[error.kind].exit : 1);
}
