import { backoffMs } from '@holdfast/core/kernel/backoff.ts';
import type { News } from '@holdfast/core/pipeline/ports.ts';
import { claimOutbox, type OutboxRow, settleOutbox } from '@holdfast/postgres/events/outbox-store.ts';
import type { Services } from '../services.ts';
import type { Notifier } from './notifier.ts';
import { slackNotifier } from './notifiers/slack.ts';
import { webhookNotifier } from './notifiers/webhook.ts';

const ATTEMPTS = 12;

export function configuredNotifiers({ config }: Pick<Services, 'config'>): readonly Notifier[] {
  return [
    ...(config.slackWebhook ? [slackNotifier(config.slackWebhook)] : []),
    ...(config.webhook ? [webhookNotifier(config.webhook.url, config.webhook.secret)] : []),
  ];
}

/** At least once: a message is settled after it was taken; a crash in between sends it again. */
export async function sendOutbox(services: Services, notifiers: readonly Notifier[]): Promise<boolean> {
  const messages = await claimOutbox(services.database, 20);
  for (const message of messages) await deliver(services, notifiers, message);
  return messages.length === 20;
}

async function deliver(
  { database, log }: Services,
  notifiers: readonly Notifier[],
  message: OutboxRow,
): Promise<void> {
  const failures: string[] = [];
  for (const notifier of notifiers) {
    try {
      await notifier.send({ ...(message.payload as unknown as News), id: message.id });
    } catch (error) {
      failures.push(`${notifier.name}: ${(error as Error).message}`);
    }
  }
  if (failures.length === 0)
    return settleOutbox(database, message.id, { state: 'done', outcome: `sent to ${notifiers.length}` });
  log.warn({ outbox: message.id, failures }, 'news not delivered');
  const state = message.attempts >= ATTEMPTS ? 'failed' : 'pending';
  await settleOutbox(database, message.id, {
    state,
    outcome: failures.join('; '),
    delayMs: backoffMs(message.attempts, Math.random(), { firstMs: 1_000, mostMs: 600_000 }),
  });
}
