import type { Exchange, ExchangeAnswer, InstanceObservation } from '@holdfast/contract/agent/protocol.ts';
import { hastenDuty } from '@holdfast/postgres/duty/duty-store.ts';
import { appendEvent } from '@holdfast/postgres/events/event-store.ts';
import { noteStartTime } from '@holdfast/postgres/release/release-store.ts';
import { observeInstance } from '@holdfast/postgres/rollout/instance-store.ts';
import type { Services } from '../services.ts';
import { type ExchangeParts, exchange } from './exchange.ts';
import { grantsOf } from './grants.ts';
import { ordersOf } from './orders.ts';

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
  const grants = [...(await grantsOf(services, granted))];
  if (!host) return { ...answer, grants };
  return { ...answer, grants, orders: await ordersOf(services, services.database, message.agentId) };
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
