import { createHmac } from 'node:crypto';
import { type Notifier, postJson } from '../notifier.ts';

/** JSON to any address, signed as GitHub signs its webhooks: HMAC-SHA256 of the body. */
export function webhookNotifier(url: string, secret: string | null): Notifier {
  return {
    name: 'webhook',
    send: (news) => {
      const body = JSON.stringify(news);
      const signature: Record<string, string> = secret
        ? { 'x-holdfast-signature-256': `sha256=${createHmac('sha256', secret).update(body).digest('hex')}` }
        : {};
      return postJson(url, body, { 'x-holdfast-delivery': news.id, ...signature });
    },
  };
}
