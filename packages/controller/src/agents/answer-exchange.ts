import type { Exchange, ExchangeAnswer, InstanceObservation } from '@holdfast/contract/agent/protocol.ts';
import type { LeaseKey } from '@holdfast/core/pipeline/ports.ts';
import { hastenDuty } from '@holdfast/postgres/duty/duty-store.ts';
import { appendEvent } from '@holdfast/postgres/events/event-store.ts';
import { noteStartTime } from '@holdfast/postgres/release/release-store.ts';
import { observeInstance } from '@holdfast/postgres/rollout/instance-store.ts';
import type { Services } from '../services.ts';
import { type ExchangeParts, exchange } from './exchange.ts';
import { grantsOf } from './grants.ts';
import { ordersOf } from './orders.ts';
import { takeBack } from './take-back.ts';

/** The whole of a round trip: leases by the pipeline, instances of releases beside it. */
export async function answerExchange(
  { services, agents }: { readonly services: Services; readonly agents: ExchangeParts },
  message: Exchange,
): Promise<ExchangeAnswer> {
  const { results, leases, granted, intent, host } = await exchange(agents, message);
  if (message.instances.length > 0) await applyObservations(services, message);
  const answer = { results: [...results], leases: [...leases], intent };
  if (message.bye) services.hints.send('jobs');
  if (!message.full || message.bye) return { ...answer, grants: [] };
  const { grants, broken } = await grantsOf(services, granted);
  for (const { lease, error } of broken) await giveUp(services, lease, error);
  const full = { ...answer, grants: [...grants] };
  if (!host) return full;
  return { ...full, orders: await ordersOf(services, services.database, message.agentId) };
}

/** Nobody can run it as it is: a loss, so that another controller may try, but not for ever. */
async function giveUp(services: Services, seen: LeaseKey, error: Error): Promise<void> {
  services.log.error({ err: error, job: seen.jobId }, 'no grant can be made');
  const loss = { lost: true, spoilt: null, reason: error.message };
  await services.pipeline
    .transaction((tx) => takeBack(services, tx, { seen, loss }))
    .catch((failure: unknown) => services.log.error({ err: failure, job: seen.jobId }, 'job not taken back'));
}

async function applyObservations(services: Services, message: Exchange): Promise<void> {
  const changed = await services.database.transaction(async (sql) => {
    const environments: string[] = [];
    for (const seen of message.instances) {
      const found = await observeInstance(sql, message.agentId, seen);
      if (!found) continue;
      environments.push(found.environmentId);
      if (seen.state === 'ready' && seen.startMs !== null)
        await noteStartTime(sql, found.releaseId, seen.startMs);
      await tellEnvironment(sql, found.environmentId, seen);
    }
    return environments;
  });
  if (changed.length === 0) return;
  services.hints.send('duty');
  services.hints.send('events');
}

async function tellEnvironment(
  sql: Parameters<typeof appendEvent>[0],
  environmentId: string,
  seen: InstanceObservation,
): Promise<void> {
  await hastenDuty(sql, 'environment', environmentId);
  await appendEvent(sql, {
    topic: 'environment',
    subject: environmentId,
    kind: 'instance',
    data: { instance: seen.id, state: seen.state },
  });
}
