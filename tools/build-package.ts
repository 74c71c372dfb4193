import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

/**
 * Compiles what `npm pack` ships: one bundle a program, workspace packages inside, npm packages
 * outside as dependencies. Files that a program reads at run time are put beside it.
 */
const root = fileURLToPath(new URL('..', import.meta.url));
const out = join(root, 'dist');
const PROGRAMS = {
  cli: 'cli/src/main.ts',
  controller: 'controller/src/main.ts',
  agent: 'agent/src/main.ts',
  local: 'agent/src/local/main.ts',
  router: 'router/src/main.ts',
  supervisor: 'supervisor/src/main.ts',
  sdk: 'sdk/src/holdfast.ts',
};

rmSync(out, { recursive: true, force: true });
await build({
  entryPoints: Object.fromEntries(
    Object.entries(PROGRAMS).map(([name, file]) => [name, join(root, 'packages', file)]),
  ),
  outdir: out,
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node22',
  sourcemap: false,
  legalComments: 'none',
  logLevel: 'warning',
  plugins: [
    {
      name: 'npm packages stay outside',
      setup: (hooks) => {
        hooks.onResolve({ filter: /^[^./]/ }, ({ path, kind }) =>
          path.startsWith('@holdfast/') || kind === 'entry-point' ? undefined : { path, external: true },
        );
      },
    },
  ],
});
// new URL('./shim.sh', import.meta.url) and '../sql' are seen from the bundle's own place.
cpSync(join(root, 'packages/agent/src/shim/shim.sh'), join(out, 'shim.sh'));
cpSync(join(root, 'packages/migration/src/mysql/holdfast_osc.pl'), join(out, 'holdfast_osc.pl'));
cpSync(join(root, 'packages/postgres/sql'), join(root, 'sql'), { recursive: true });
buildTypes();
const dashboard = join(root, 'packages/dashboard/dist');
if (!existsSync(join(dashboard, 'index.html')))
  throw new Error('build the dashboard first: npm run build:dashboard');
cpSync(dashboard, join(out, 'dashboard'), { recursive: true });

const wanted = new Set(Object.keys(PROGRAMS).flatMap((name) => importsOf(join(out, `${name}.js`))));
const declared = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).dependencies ?? {};
const missing = [...wanted].filter((name) => !(name in declared));
if (missing.length > 0) throw new Error(`package.json lacks the dependencies ${missing.join(', ')}`);
process.stdout.write(
  `built ${Object.keys(PROGRAMS).length} programs, ${Math.round(statSync(join(out, 'controller.js')).size / 1024)} KiB the largest; ${dirname(out)}\n`,
);

/** `import { createHoldfast } from 'holdfast/sdk'` with its types: declarations name the compiled files. */
function buildTypes(): void {
  const types = join(out, 'sdk-types');
  const source = join(root, 'packages/sdk/src/holdfast.ts');
  const compiler = join(root, 'node_modules/typescript/bin/tsc');
  const options =
    '--declaration --emitDeclarationOnly --skipLibCheck --allowImportingTsExtensions --target es2023 --module nodenext --types node --ignoreConfig';
  execFileSync(process.execPath, [compiler, source, ...options.split(' '), '--outDir', types], { cwd: root });
  for (const file of readdirSync(types)) {
    const path = join(types, file);
    writeFileSync(path, readFileSync(path, 'utf8').replaceAll(/(from '\.\/[\w-]+)\.ts'/g, "$1.js'"));
  }
}

function importsOf(file: string): string[] {
  const text = readFileSync(file, 'utf8');
  return [...text.matchAll(/^import\s[^;]*?from\s+"([^"]+)"|^import\s+"([^"]+)"/gm)]
    .map((match) => match[1] ?? match[2] ?? '')
    .filter((name) => !name.startsWith('node:'))
    .map((name) =>
      name
        .split('/')
        .slice(0, name.startsWith('@') ? 2 : 1)
        .join('/'),
    );
}
