import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** Other programs are started, not imported: sources in the checkout, bundles in the package. */
export function programPath(name: 'controller' | 'agent' | 'router' | 'supervisor' | 'local'): string {
  const bundled = fileURLToPath(new URL(`./${name}.js`, import.meta.url));
  if (existsSync(bundled)) return bundled;
  const source = name === 'local' ? '../../agent/src/local/main.ts' : `../../${name}/src/main.ts`;
  return fileURLToPath(new URL(source, import.meta.url));
}
