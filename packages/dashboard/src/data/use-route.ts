import { useSyncExternalStore } from 'react';

/** The address is the state: /runs, /runs/ID, /environments, /environments/APP/NAME/migrations, /rollouts/ID. */
export type Route =
  | { readonly page: 'runs' }
  | { readonly page: 'run'; readonly id: string }
  | { readonly page: 'environments' }
  | { readonly page: 'migrations'; readonly app: string; readonly environment: string }
  | { readonly page: 'rollout'; readonly id: string };

export function parseRoute(path: string): Route {
  const [, head, id, name, part] = path.split('/');
  if (head === 'runs' && id) return { page: 'run', id };
  if (head === 'rollouts' && id) return { page: 'rollout', id };
  if (head === 'environments' && id && name && part === 'migrations')
    return { page: 'migrations', app: id, environment: name };
  return head === 'environments' ? { page: 'environments' } : { page: 'runs' };
}

export function usePath(): string {
  return useSyncExternalStore(
    (changed) => {
      window.addEventListener('popstate', changed);
      return () => window.removeEventListener('popstate', changed);
    },
    () => window.location.pathname,
  );
}

export function go(path: string): void {
  window.history.pushState(null, '', path);
  window.dispatchEvent(new PopStateEvent('popstate'));
}
