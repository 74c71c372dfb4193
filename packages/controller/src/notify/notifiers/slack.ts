import { type Notifier, postJson } from '../notifier.ts';

/** A Slack incoming webhook: `{"text": …}` (api.slack.com/messaging/webhooks). */
export function slackNotifier(url: string): Notifier {
  return {
    name: 'slack',
    send: (news) => postJson(url, JSON.stringify({ text: escapeSlack(news.sentence) }), {}),
  };
}

/** The three characters that Slack's markup reserves. */
function escapeSlack(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
