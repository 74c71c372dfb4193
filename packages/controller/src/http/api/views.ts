import type {
  ArtifactView,
  ReleaseView,
  RepositoryView,
  RolloutView,
  RunSummary,
  TokenView,
} from '@holdfast/contract/api/resources.ts';
import type { TokenRow } from '@holdfast/postgres/access/token-store.ts';
import type { ArtifactRow } from '@holdfast/postgres/release/artifact-store.ts';
import type { ReleaseRow } from '@holdfast/postgres/release/release-store.ts';
import type { Approval } from '@holdfast/postgres/rollout/approval-store.ts';
import type { EnvironmentRow } from '@holdfast/postgres/rollout/environment-store.ts';
import type { RolloutRow } from '@holdfast/postgres/rollout/rollout-store.ts';
import type { RepositoryRow } from '@holdfast/postgres/run/repository-store.ts';
import type { RunRow } from '@holdfast/postgres/run/run-store.ts';
import { keepsHot } from '../../environments/gather.ts';

/** Rows as the API shows them. */
export function time(at: Date | null): string | null {
  return at?.toISOString() ?? null;
}

export function repositoryView(row: RepositoryRow): RepositoryView {
  return {
    id: row.id,
    name: row.name,
    url: row.url.replace(/(:\/\/)[^@/\s]+@/, '$1***@'),
    pollSeconds: row.poll_seconds,
    lastPolledAt: time(row.polled_at),
    problem: row.problem,
  };
}

export function runSummary(row: RunRow): RunSummary {
  return {
    id: row.id,
    number: row.number,
    repository: row.repository,
    workflow: row.workflow,
    name: row.name,
    ref: row.ref,
    commit: row.commit,
    message: row.message,
    event: row.event,
    state: row.state,
    reason: row.reason,
    createdAt: row.created_at.toISOString(),
    startedAt: time(row.started_at),
    endedAt: time(row.ended_at),
  };
}

export function artifactView(row: ArtifactRow): ArtifactView {
  return {
    id: row.id,
    name: row.name,
    digest: row.digest,
    bytes: row.bytes,
    runId: row.run_id,
    commit: row.commit,
    createdAt: row.created_at.toISOString(),
    envelope: row.envelope as unknown as ArtifactView['envelope'],
  };
}

export function tokenView(row: TokenRow): TokenView {
  return {
    id: row.id,
    name: row.name,
    scopes: [...row.scopes],
    createdAt: row.created_at.toISOString(),
    revokedAt: time(row.revoked_at),
  };
}

export function releaseView(
  row: ReleaseRow,
  environment: EnvironmentRow,
  kept: ReadonlySet<string>,
): ReleaseView {
  const returnable =
    row.id === environment.stable
      ? 'serving'
      : row.id === environment.previous && keepsHot(environment.config)
        ? 'hot'
        : kept.has(row.id)
          ? 'cold'
          : 'none';
  return {
    id: row.id,
    number: row.number,
    artifact: `${row.artifact_name}@${row.artifact_digest}`,
    commit: row.commit,
    createdAt: row.created_at.toISOString(),
    servedAt: time(row.served_at),
    returnable,
    secondsToServe: secondsToServe(row, returnable),
  };
}

/** Hot: one snapshot away. Cold: the last measured start, then the readiness checks in a row. */
function secondsToServe(row: ReleaseRow, returnable: ReleaseView['returnable']): number | null {
  if (returnable === 'serving' || returnable === 'none') return null;
  if (returnable === 'hot') return 1;
  return row.start_ms === null ? null : Math.ceil(row.start_ms / 1_000) + 1;
}

export interface RolloutParts {
  readonly row: RolloutRow;
  readonly name: string;
  readonly candidate: ReleaseView;
  readonly stable: ReleaseView | null;
  readonly approvals: { readonly digest: string | null; readonly given: readonly Approval[] };
  readonly history: readonly {
    readonly at: Date;
    readonly state: RolloutView['state'];
    readonly weight: number;
    readonly reason: string | null;
  }[];
}

export function rolloutView(parts: RolloutParts): RolloutView {
  const { row, name, candidate, stable, history, approvals } = parts;
  const { data } = row;
  return {
    id: row.id,
    environment: name,
    kind: row.kind,
    state: row.state,
    candidate,
    stable,
    step: data.step,
    strategy: data.plan.strategy,
    steps: data.plan.steps.map(({ weight, dwellMs, gate, mirror, candidates }) => ({
      weight,
      dwellMs,
      gate,
      mirror,
      candidates,
    })),
    heldFor: data.heldFor,
    approvals: {
      needed: data.plan.approvals,
      digest: approvals.digest,
      given: approvals.given.map(({ name, at }) => ({ name, at: at.toISOString() })),
    },
    weight: data.weight,
    reason: data.reason,
    unjudged: data.unjudged,
    lostRequests: row.lost_requests,
    judgement: data.judgement
      ? (structuredClone(data.judgement) as unknown as RolloutView['judgement'])
      : null,
    startedAt: row.started_at.toISOString(),
    trafficSince: data.trafficSince === null ? null : new Date(data.trafficSince).toISOString(),
    stateSince: new Date(data.stateSince).toISOString(),
    endedAt: time(row.ended_at),
    history: history.map((entry) => ({ ...entry, at: entry.at.toISOString() })),
  };
}
