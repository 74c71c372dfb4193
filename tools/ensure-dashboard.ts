import { spawnSync } from 'node:child_process';
import { existsSync, globSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Builds the dashboard when it is missing or older than its sources: the one part that needs a build. */
const root = fileURLToPath(new URL('..', import.meta.url));
const built = join(root, 'packages/dashboard/dist/index.html');
const sources = globSync('packages/{dashboard,contract,core}/src/**/*.{ts,tsx,css}', { cwd: root });
const newest = Math.max(...sources.map((file) => statSync(join(root, file)).mtimeMs));

if (!existsSync(built) || statSync(built).mtimeMs < newest) {
  const made = spawnSync(
    process.execPath,
    [join(root, 'node_modules/vite/bin/vite.js'), 'build', 'packages/dashboard', '--logLevel', 'warn'],
    { cwd: root, stdio: 'inherit' },
  );
  process.exit(made.status ?? 1);
}
