import { execFileSync } from 'node:child_process';
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** A real git repository made from examples/01-shop, and the versions the demo pushes. */
const EXAMPLE = fileURLToPath(new URL('../../examples/01-shop', import.meta.url));

export class ShopRepository {
  readonly folder: string;

  constructor(folder: string, port: number) {
    this.folder = folder;
    cpSync(EXAMPLE, folder, { recursive: true });
    const config = join(folder, 'holdfast.yaml');
    writeFileSync(config, readFileSync(config, 'utf8').replace('listen: 8080', `listen: ${port}`));
    this.git('init', '--quiet', '--initial-branch=main');
    this.commit('v1: open the shop');
  }

  /** Writes another version of the shop's behaviour and pushes it, as a developer would. */
  push(
    version: number,
    how: { readonly failing: number; readonly extraMs: number; readonly message: string },
  ): void {
    const file = join(this.folder, 'behaviour.js');
    const text = readFileSync(file, 'utf8')
      .replace(/version = \d+/, `version = ${version}`)
      .replace(/failing = [\d.]+/, `failing = ${how.failing}`)
      .replace(/extraMs = \d+/, `extraMs = ${how.extraMs}`);
    writeFileSync(file, text);
    this.commit(`v${version}: ${how.message}`);
  }

  private commit(message: string): void {
    this.git('add', '--all');
    this.git(
      '-c',
      'user.name=Demo',
      '-c',
      'user.email=demo@localhost',
      'commit',
      '--quiet',
      '--message',
      message,
    );
  }

  private git(...words: string[]): void {
    execFileSync('git', ['-C', this.folder, ...words], {
      env: { ...process.env, GIT_CONFIG_NOSYSTEM: '1', HOME: this.folder },
    });
  }
}
