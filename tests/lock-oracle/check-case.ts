import { readCatalog, type Sql } from '@holdfast/migration/catalog/read-catalog.ts';
import { effectsOf } from '@holdfast/migration/effects/effects-of.ts';
import { parseSql } from '@holdfast/migration/sql/parse-sql.ts';
import type { Statement } from '@holdfast/migration/sql/statement.ts';
import type pg from 'pg';
import type { Case } from './case.ts';
import { compare, type Mismatch } from './compare.ts';
import type { Observation } from './observe/observation.ts';
import { observeInside } from './observe/observe-inside.ts';
import { observeOutside } from './observe/observe-outside.ts';
import type { Scene } from './scene.ts';

export type Outcome =
  | { readonly kind: 'checked'; readonly mismatches: readonly Mismatch[] }
  | { readonly kind: 'unknown'; readonly statement: string; readonly observed: Observation }
  | { readonly kind: 'failed'; readonly stage: 'setup' | 'statement'; readonly message: string };

export interface Sessions {
  readonly scene: Scene;
  readonly client: pg.Client;
  readonly blocker: pg.Client;
}

export async function checkCase(sessions: Sessions, { setup, statement }: Case): Promise<Outcome> {
  const { scene, client, blocker } = sessions;
  const prepare = () => scene.make(setup);
  let stage: 'setup' | 'statement' = 'setup';
  try {
    await scene.find(setup);
    stage = 'statement';
    const [parsed] = parseSql('case', statement) as [Statement];
    const claim = effectsOf(parsed, await readCatalog(client as unknown as Sql));
    const observed =
      (await observeInside(client, statement)) ??
      (await observeOutside({ client, blocker, statement, prepare }));
    if (!claim.known) return { kind: 'unknown', statement: parsed.kind, observed };
    return { kind: 'checked', mismatches: compare(parsed.kind, claim, observed) };
  } catch (error) {
    return { kind: 'failed', stage, message: (error as Error).message };
  }
}
