import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { newId } from '@holdfast/contract/id.ts';
import { until } from '../../chaos/until.ts';
import { configOf, type Strategy } from '../strategies.ts';
import { ENVIRONMENT, type Installation } from './installation.ts';

/**
 * How releases come about: a push for the first one of a strategy, which brings its configuration,
 * and a deploy of the same artifact for each further one.
 */
const REPOSITORY = 'zero';
const RUN_LIMIT_MS = 60_000;

const WORKFLOW = `name: ship
on:
  workflow_dispatch: {}
jobs:
  ship:
    runs-on: self-hosted
    outputs: { artifact: "\${{ steps.p.outputs.artifact }}" }
    steps:
      - uses: actions/checkout@v4
      - id: p
        uses: holdfast/publish@v1
        with: { name: ${ENVIRONMENT.app}, path: . }
  deploy:
    needs: ship
    runs-on: self-hosted
    steps:
      - uses: holdfast/deploy@v1
        with: { environment: ${ENVIRONMENT.environment}, artifact: "\${{ needs.ship.outputs.artifact }}" }
`;

export class Shipping {
  private readonly installation: Installation;
  private readonly folder: string;
  private shipped: Strategy | null = null;
  private artifact = '';

  private constructor(installation: Installation, folder: string) {
    this.installation = installation;
    this.folder = folder;
  }

  static async begin(installation: Installation): Promise<Shipping> {
    const folder = join(installation.scene.root, 'repository');
    mkdirSync(join(folder, '.holdfast', 'workflows'), { recursive: true });
    cpSync(join(import.meta.dirname, '..', 'app'), folder, { recursive: true });
    writeFileSync(join(folder, '.holdfast', 'workflows', 'ship.yml'), WORKFLOW);
    const shipping = new Shipping(installation, folder);
    shipping.git('init', '--quiet', '--initial-branch=main');
    shipping.commit('canary');
    await installation.client('addRepository', {
      body: { name: REPOSITORY, url: folder, pollSeconds: 3_600 },
    });
    return shipping;
  }

  /** Begins a rollout of a new release under this strategy; gives its id. */
  async release(strategy: Strategy): Promise<string> {
    if (strategy !== this.shipped) return this.push(strategy);
    // Asked twice under one id is asked once.
    const body = { id: newId(), artifact: this.artifact };
    const deploy = () => this.installation.client('deploy', { params: ENVIRONMENT, body });
    return (await this.installation.patiently('the deploy to be taken', deploy)).rollout;
  }

  async rollBack(): Promise<string> {
    const body = { id: newId() };
    const back = () => this.installation.client('rollBack', { params: ENVIRONMENT, body });
    return (await this.installation.patiently('the rollback to be taken', back)).rollout;
  }

  private async push(strategy: Strategy): Promise<string> {
    const { client } = this.installation;
    const before = await this.installation.patiently('the newest rollout', () => this.newestRollout());
    this.commit(strategy);
    const body = { id: newId(), repository: REPOSITORY, inputs: {} };
    const { trigger } = await this.installation.patiently('the push to be taken', () =>
      client('startRun', { body }),
    );
    const rollout = await until(
      `the push of ${strategy} to become a rollout`,
      async () => {
        const seen = await client('showTrigger', { params: { id: trigger } });
        const run = seen.runs[0] ? await client('showRun', { params: { id: seen.runs[0] } }) : null;
        const failed = run?.jobs.find(({ state }) => state === 'failed');
        if (seen.state === 'refused' || failed) return { refused: seen.reason ?? failed?.reason };
        const newest = await this.newestRollout();
        return newest === before ? null : { id: newest };
      },
      { limitMs: RUN_LIMIT_MS, everyMs: 30 },
    );
    if (!('id' in rollout) || !rollout.id) throw new Error(`${strategy}: ${JSON.stringify(rollout)}`);
    const { items } = await this.installation.patiently('the artifact', () =>
      client('listArtifacts', { query: { name: ENVIRONMENT.app, limit: 1 } }),
    );
    this.artifact = `${ENVIRONMENT.app}@${items[0]?.digest}`;
    this.shipped = strategy;
    return rollout.id;
  }

  private async newestRollout(): Promise<string | null> {
    const found = await this.installation
      .client('listRollouts', { params: ENVIRONMENT, query: { limit: 1 } })
      .catch((error: { code?: string }) => {
        // Before the first deploy there is no environment.
        if (error.code === 'environmentUnknown') return { items: [] };
        throw error;
      });
    return found.items[0]?.id ?? null;
  }

  private commit(strategy: Strategy): void {
    const places = { journal: journalFolder(this.installation), previewPort: this.installation.previewPort };
    writeFileSync(join(this.folder, 'holdfast.yaml'), configOf(strategy, places));
    // Nothing is pushed twice: what was rolled back from is not to come again by itself.
    writeFileSync(join(this.folder, 'pushed'), `${newId()}\n`);
    this.git('add', '--all');
    const who = ['-c', 'user.name=Zero', '-c', 'user.email=zero@localhost'];
    this.git(...who, 'commit', '--quiet', '--allow-empty', '--message', strategy);
  }

  private git(...words: string[]): void {
    execFileSync('git', ['-C', this.folder, ...words], {
      stdio: 'pipe',
      env: { ...process.env, GIT_CONFIG_NOSYSTEM: '1', HOME: this.folder },
    });
  }
}

export function journalFolder({ scene }: Pick<Installation, 'scene'>): string {
  return join(scene.shared, 'journal');
}
