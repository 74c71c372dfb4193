import { HoldfastError } from '@holdfast/contract/errors.ts';
import type { Json } from '@holdfast/core/kernel/json.ts';
import { type ReleaseRow, releaseByNumber } from '@holdfast/postgres/release/release-store.ts';
import type { EnvironmentRow } from '@holdfast/postgres/rollout/environment-store.ts';
import { findRepository } from '@holdfast/postgres/run/repository-store.ts';
import type { Services } from '../../services.ts';
import { describeReleases } from './describe-environment.ts';

/** What changed between two releases: commits, configuration, versions of secrets. */
export async function diffReleases(
  services: Services,
  environment: EnvironmentRow,
  numbers: { readonly from: number; readonly to: number },
) {
  const [from, to] = await Promise.all([
    requireRelease(services, environment, numbers.from),
    requireRelease(services, environment, numbers.to),
  ]);
  const [fromView, toView] = await describeReleases(services.database, environment, [from, to]);
  if (!fromView || !toView) throw new HoldfastError('internal', 'a release vanished while it was compared');
  return {
    from: fromView,
    to: toView,
    commits: await commitsBetween(services, from, to),
    commitsGone: await commitsBetween(services, to, from),
    config: diffJson(from.config as unknown as Json, to.config as unknown as Json),
    secrets: diffSecrets(from, to),
    schema: diffSchema(from, to),
  };
}

async function requireRelease(
  { database }: Services,
  environment: EnvironmentRow,
  number: number,
): Promise<ReleaseRow> {
  const row = await releaseByNumber(database, environment.id, number);
  if (!row)
    throw new HoldfastError(
      'releaseUnknown',
      `${environment.app}/${environment.name} has no release ${number}`,
    );
  return row;
}

async function commitsBetween(services: Services, from: ReleaseRow, to: ReleaseRow) {
  if (!from.commit || !to.commit || !to.repository_id) return [];
  const repository = await findRepository(services.database, to.repository_id);
  if (!repository) return [];
  const mirror = await services.mirrors.fetch(repository);
  const commits = await services.mirrors.log(mirror, from.commit, to.commit, 200);
  return commits.map(({ sha, author, subject }) => ({ commit: sha, author, subject }));
}

export interface Difference {
  readonly path: string;
  readonly from: Json;
  readonly to: Json;
}

export function diffJson(from: Json, to: Json, path = ''): Difference[] {
  if (JSON.stringify(from) === JSON.stringify(to)) return [];
  const a = asObject(from);
  const b = asObject(to);
  if (!a || !b) return [{ path, from: from ?? null, to: to ?? null }];
  const names = [...new Set([...Object.keys(a), ...Object.keys(b)])].sort();
  return names.flatMap((name) =>
    diffJson(a[name] ?? null, b[name] ?? null, path === '' ? name : `${path}.${name}`),
  );
}

function asObject(value: Json): Record<string, Json> | null {
  return value !== null && typeof value === 'object' && !Array.isArray(value)
    ? (value as Record<string, Json>)
    : null;
}

function diffSchema(from: ReleaseRow, to: ReleaseRow) {
  const digests = ({ schema }: ReleaseRow) =>
    new Map((schema?.versions ?? []).map(({ version, digest }) => [version, digest]));
  const [old, now] = [digests(from), digests(to)];
  return [...new Set([...old.keys(), ...now.keys()])]
    .sort((a, b) => a - b)
    .filter((version) => old.get(version) !== now.get(version))
    .map((version) => ({
      version,
      change: !old.has(version)
        ? ('added' as const)
        : !now.has(version)
          ? ('removed' as const)
          : ('changed' as const),
    }));
}

function diffSecrets(from: ReleaseRow, to: ReleaseRow) {
  const names = [
    ...new Set([...Object.keys(from.secret_versions), ...Object.keys(to.secret_versions)]),
  ].sort();
  return names
    .map((name) => ({
      name,
      from: from.secret_versions[name]?.version ?? null,
      to: to.secret_versions[name]?.version ?? null,
    }))
    .filter((entry) => entry.from !== entry.to);
}
