import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** What `holdfast init` writes, for each kind of app: files by path. */
export interface AppAtHand {
  readonly root: string;
  readonly name: string;
  readonly port: number;
}

type Template = (app: AppAtHand) => { readonly [path: string]: string };

export const TEMPLATES = { node, python, static: staticSite } as const satisfies Record<string, Template>;
export type TemplateName = keyof typeof TEMPLATES;

export function detectTemplate(root: string): TemplateName | null {
  const has = (file: string) => existsSync(join(root, file));
  if (has('package.json')) return 'node';
  if (has('requirements.txt') || has('pyproject.toml') || has('app.py') || has('main.py')) return 'python';
  return has('index.html') ? 'static' : null;
}

interface Kind {
  /** Shell lines of the commit stage: fast checks that need nothing running. */
  readonly verify: string;
  /** Fills ./release with everything an instance needs. */
  readonly build: string;
  readonly command: readonly string[];
  readonly readinessPath: string;
}

function node(app: AppAtHand) {
  const pack = JSON.parse(readFileSync(join(app.root, 'package.json'), 'utf8')) as {
    scripts?: Record<string, string>;
    main?: string;
  };
  const install = existsSync(join(app.root, 'package-lock.json'))
    ? 'npm ci'
    : 'npm install --no-audit --no-fund';
  const script = (name: string) =>
    pack.scripts?.[name] ? `npm run ${name}` : `echo "no ${name} script in package.json"`;
  const start =
    /^node ([\w./-]+)$/.exec(pack.scripts?.start ?? '')?.[1] ??
    pack.main ??
    ['server.js', 'index.js', 'app.js'].find((file) => existsSync(join(app.root, file))) ??
    'server.js';
  return files(app, {
    verify: `${install}\n${script('lint')}\n${script('test')}`,
    build: `${install}\n${script('build')}\nnpm prune --omit=dev\nmkdir -p release && tar --exclude=./.git --exclude=./release -cf - . | tar -xf - -C release`,
    command: ['node', start],
    readinessPath: '/',
  });
}

function python(app: AppAtHand) {
  const entry =
    ['app.py', 'main.py', 'server.py'].find((file) => existsSync(join(app.root, file))) ?? 'app.py';
  const requirements = existsSync(join(app.root, 'requirements.txt'));
  const install = requirements
    ? 'python3 -m pip install --target vendor -r requirements.txt'
    : 'mkdir -p vendor';
  return files(app, {
    verify:
      'python3 -m compileall -q .\nif [ -d tests ]; then python3 -m unittest discover -s tests; else echo "no tests directory"; fi',
    build: `${install}\nmkdir -p release && tar --exclude=./.git --exclude=./release -cf - . | tar -xf - -C release`,
    command: ['env', 'PYTHONPATH=vendor', 'PYTHONUNBUFFERED=1', 'python3', entry],
    readinessPath: '/',
  });
}

function staticSite(app: AppAtHand) {
  return files(app, {
    verify: 'test -s index.html',
    build:
      'mkdir -p release && tar --exclude=./.git --exclude=./release --exclude=./.holdfast -cf - . | tar -xf - -C release',
    command: ['sh', '-c', 'exec python3 -m http.server "$PORT" --bind 127.0.0.1'],
    readinessPath: '/index.html',
  });
}

function files(app: AppAtHand, kind: Kind): { readonly [path: string]: string } {
  return { '.holdfast/workflows/ship.yml': workflow(app, kind), 'holdfast.yaml': config(app, kind) };
}

function workflow(app: AppAtHand, kind: Kind): string {
  return `# Four stages: commit verification → integration → staging → production.
name: ship
on:
  push:
    branches: [main, master]

jobs:
  verify:
    runs-on: self-hosted
    steps:
      - uses: actions/checkout@v4
      - name: Fast checks
        run: |
${indent(kind.verify, 10)}

  integrate:
    needs: verify
    runs-on: self-hosted
    outputs:
      artifact: \${{ steps.publish.outputs.artifact }}
    steps:
      - uses: actions/checkout@v4
      - name: Build
        run: |
${indent(kind.build, 10)}
      - id: publish
        uses: holdfast/publish@v1
        with:
          name: ${app.name}
          path: release

  staging:
    needs: integrate
    runs-on: self-hosted
    steps:
      - uses: holdfast/deploy@v1
        with:
          environment: staging
          artifact: \${{ needs.integrate.outputs.artifact }}

  production:
    needs: [integrate, staging]
    runs-on: self-hosted
    steps:
      - uses: holdfast/deploy@v1
        with:
          environment: production
          artifact: \${{ needs.integrate.outputs.artifact }}
`;
}

function config(app: AppAtHand, kind: Kind): string {
  return `version: 1
app: ${app.name}
environments:
  production:
    target:
      command: ${JSON.stringify(kind.command)}
      replicas: 2
    readiness:
      path: ${kind.readinessPath}
    traffic:
      listen: ${app.port}
    strategy:
      kind: canary
      steps: [10%, 50%]
      analysis:
        dwell: 30s
        deadline: 2m
  staging:
    mirrors: production
    target:
      replicas: 1
    traffic:
      listen: ${app.port + 1}
    strategy:
      steps: [50%]
      analysis:
        dwell: 1s
        deadline: 2s
`;
}

function indent(text: string, by: number): string {
  return text
    .split('\n')
    .map((line) => `${' '.repeat(by)}${line}`)
    .join('\n');
}
