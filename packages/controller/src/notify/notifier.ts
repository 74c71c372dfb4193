import type { News } from '@holdfast/core/pipeline/ports.ts';

/** Delivers one piece of news, at least once. Throws when it was not taken. */
export interface Notifier {
  readonly name: string;
  send(news: News & { readonly id: string }): Promise<void>;
}

const TIMEOUT_MS = 10_000;

export async function postJson(url: string, body: string, headers: Record<string, string>): Promise<void> {
  const answer = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body,
    redirect: 'error',
    signal: AbortSignal.timeout(TIMEOUT_MS),
  });
  await answer.body?.cancel();
  if (!answer.ok) throw new Error(`answered ${answer.status}`);
}
