import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** Where the other processes' programs lie: sources in the checkout, bundles in the installed package. */
export function programPath(name: 'controller' | 'agent' | 'router'): string {
  const bundled = fileURLToPath(new URL(`./${name}.js`, import.meta.url));
  return existsSync(bundled) ? bundled : fileURLToPath(new URL(`../../${name}/src/main.ts`, import.meta.url));
}

export function dashboardPath(): string {
  const bundled = fileURLToPath(new URL('./dashboard', import.meta.url));
  return existsSync(bundled) ? bundled : fileURLToPath(new URL('../../dashboard/dist', import.meta.url));
}
