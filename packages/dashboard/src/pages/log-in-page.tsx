import { type FormEvent, useState } from 'react';
import { logIn } from '../data/client.ts';

export function LogInPage({ onLoggedIn }: { readonly onLoggedIn: () => void }) {
  const [token, setToken] = useState('');
  const [refused, setRefused] = useState(false);
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    if (await logIn(token.trim())) onLoggedIn();
    else setRefused(true);
  };
  return (
    <main className="log-in">
      <form onSubmit={(event) => void submit(event)}>
        <img src="/favicon.svg" alt="" width="48" height="48" />
        <h1>Holdfast</h1>
        <label htmlFor="token">Token</label>
        <input
          id="token"
          type="password"
          autoComplete="current-password"
          value={token}
          onChange={(event) => setToken(event.target.value)}
        />
        {refused && <p className="problem">This token is unknown or was revoked.</p>}
        <button type="submit" className="button primary">
          Log in
        </button>
        <p className="hint">
          <code>holdfast up</code> keeps the first one in <code>admin.token</code> of its data directory.
        </p>
      </form>
    </main>
  );
}
