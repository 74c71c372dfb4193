import { createClient } from '@holdfast/contract/api/client.ts';

/** The same public API as everybody's; the session's cookie stands for the token. */
export const client = createClient({
  controllers: [window.location.origin],
  token: '',
  fetch: (input, init) => {
    const headers = new Headers(init?.headers);
    headers.delete('authorization');
    return window.fetch(input, { ...init, headers, credentials: 'same-origin' });
  },
});

export async function logIn(token: string): Promise<boolean> {
  const answer = await fetch('/session', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ token }),
  });
  return answer.ok;
}
