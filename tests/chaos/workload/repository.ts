import { execFileSync } from 'node:child_process';
import { chmodSync, copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Scene } from '../cluster/scene.ts';
import { MACHINE_STEP, STEPS } from './plan.ts';

/**
 * The git repositories: one whose workflow has the ten steps, with the ledger that they write to, and
 * one whose workflow has nothing to do.
 */
export const REPOSITORY = 'chaos';
export const ASKED_REPOSITORY = 'asked';

export function ledgerFile(scene: Scene): string {
  return join(scene.shared, 'ledger');
}

/** Where step 1 leaves a mark for each run and agent. */
function machinesFolder(scene: Scene): string {
  return join(scene.shared, 'machines');
}

/** While it is there no step ends. */
export function holdFile(scene: Scene): string {
  return join(scene.shared, 'hold');
}

/** `provisions`: whether all its agents do provisions again; those of 0.2 do not. */
export function makeRepository(scene: Scene, { provisions = true } = {}): string {
  const script = join(scene.shared, 'step.sh');
  copyFileSync(join(import.meta.dirname, 'step.sh'), script);
  chmodSync(script, 0o644);
  writeFileSync(ledgerFile(scene), '');
  chmodSync(ledgerFile(scene), 0o666);
  mkdirSync(machinesFolder(scene));
  chmodSync(machinesFolder(scene), 0o777);
  return committed(join(scene.root, REPOSITORY), workflow(scene, { script, provisions }));
}

export function makeAskedRepository(scene: Scene): string {
  return committed(
    join(scene.root, ASKED_REPOSITORY),
    `name: asked
on:
  workflow_dispatch:
    inputs:
      trigger: { type: string, required: true }
jobs:
  nothing:
    if: false
    runs-on: self-hosted
    steps:
      - run: "true"
`,
  );
}

function committed(folder: string, text: string): string {
  mkdirSync(join(folder, '.holdfast', 'workflows'), { recursive: true });
  writeFileSync(join(folder, '.holdfast', 'workflows', 'chaos.yml'), text);
  git(folder, 'init', '--quiet', '--initial-branch=main');
  git(folder, 'add', '--all');
  git(folder, '-c', 'user.name=Chaos', '-c', 'user.email=chaos@localhost', 'commit', '-qm', 'workflow');
  return folder;
}

function workflow(
  scene: Scene,
  { script, provisions }: { readonly script: string; readonly provisions: boolean },
): string {
  const step = (index: number) => `      - name: step ${index}
        env: { K: "${index}"${provisions && index === MACHINE_STEP ? ', HOLDFAST_ON_RESTORE: rerun' : ''} }
        run: . ${script}
`;
  return `name: ten
on:
  workflow_dispatch:
    inputs:
      trigger: { type: string, required: true }
      plan: { type: string, required: true }
env:
  LEDGER: ${ledgerFile(scene)}
  HOLD: ${holdFile(scene)}
  MACHINES: "${provisions ? machinesFolder(scene) : ''}"
  TRIGGER: "\${{ inputs.trigger }}"
  PLAN: "\${{ inputs.plan }}"
jobs:
  ten:
    runs-on: self-hosted
    steps:
${Array.from({ length: STEPS }, (_, index) => step(index)).join('')}`;
}

function git(folder: string, ...words: string[]): void {
  execFileSync('git', ['-C', folder, ...words], {
    stdio: 'pipe',
    env: { ...process.env, GIT_CONFIG_NOSYSTEM: '1', HOME: folder },
  });
}
