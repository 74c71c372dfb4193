import type { InstanceObservation } from '@holdfast/contract/agent/protocol.ts';
import type { Desired, GroupName, Instance, InstanceState, Version } from '@holdfast/core/traffic/traffic.ts';
import type { Queryable } from '../database.ts';

export interface InstanceRow {
  readonly id: string;
  readonly environment_id: string;
  readonly release_id: string;
  readonly arm: GroupName;
  readonly agent_id: string;
  readonly host: string;
  readonly port: number | null;
  readonly desired: Desired;
  readonly state: InstanceState;
  readonly reason: string | null;
  readonly generation: number;
  readonly epoch: number;
  readonly drain_since: Date | null;
  readonly excluded_by: Version | null;
  readonly ready_at: Date | null;
  readonly shallow: boolean | null;
  readonly created_at: Date;
  readonly ended_at: Date | null;
}

export async function insertInstance(
  sql: Queryable,
  row: Pick<InstanceRow, 'id' | 'environment_id' | 'release_id' | 'arm' | 'agent_id' | 'host' | 'generation'>,
): Promise<void> {
  await sql.query(
    'INSERT INTO instance (id, environment_id, release_id, arm, agent_id, host, generation) VALUES ($1, $2, $3, $4, $5, $6, $7)',
    [row.id, row.environment_id, row.release_id, row.arm, row.agent_id, row.host, row.generation],
  );
}

/** Living instances and those that crashed lately, which the crash-loop rule looks at. */
export async function instancesOf(sql: Queryable, environmentId: string): Promise<readonly InstanceRow[]> {
  const found = await sql.query<InstanceRow>(
    `SELECT * FROM instance WHERE environment_id = $1
       AND (ended_at IS NULL OR (state = 'crashed' AND ended_at > clock_timestamp() - interval '2 minutes')) ORDER BY created_at, id`,
    [environmentId],
  );
  return found.rows;
}

export async function ordersFor(sql: Queryable, agentId: string): Promise<readonly InstanceRow[]> {
  return (
    await sql.query<InstanceRow>(
      'SELECT * FROM instance WHERE agent_id = $1 AND ended_at IS NULL ORDER BY created_at, id',
      [agentId],
    )
  ).rows;
}

export function instanceOf(row: InstanceRow): Instance {
  return {
    id: row.id,
    release: row.release_id,
    group: row.arm,
    agent: row.agent_id,
    host: row.host,
    port: row.port,
    desired: row.desired,
    state: row.state,
    reason: row.reason,
    fence: { generation: row.generation, epoch: row.epoch },
    createdAt: row.created_at.getTime(),
    readyAt: row.ready_at?.getTime() ?? null,
    drainSince: row.drain_since?.getTime() ?? null,
    excludedBy: row.excluded_by,
  };
}

/** An observation counts only from the agent that holds the instance, with its fence. Says whether anything changed. */
export async function observeInstance(
  sql: Queryable,
  agentId: string,
  seen: InstanceObservation,
): Promise<{ readonly environmentId: string; readonly releaseId: string } | null> {
  const ended = seen.state === 'stopped' || seen.state === 'crashed';
  const changed = await sql.query<{ environment_id: string; release_id: string }>(
    `UPDATE instance SET state = $4, port = coalesce($5, port), reason = $6, shallow = coalesce($8, shallow),
       ready_at = CASE WHEN $4 = 'ready' THEN coalesce(ready_at, clock_timestamp()) ELSE ready_at END,
       ended_at = CASE WHEN $7 THEN coalesce(ended_at, clock_timestamp()) ELSE ended_at END
     WHERE id = $1 AND agent_id = $2 AND epoch = $3 AND ended_at IS NULL
       AND (state, coalesce(port, 0), coalesce(reason, ''), shallow)
         IS DISTINCT FROM ($4, coalesce($5, port, 0), coalesce($6, ''), coalesce($8, shallow))
     RETURNING environment_id, release_id`,
    [seen.id, agentId, seen.epoch, seen.state, seen.port, seen.reason, ended, seen.shallow],
  );
  const row = changed.rows[0];
  return row ? { environmentId: row.environment_id, releaseId: row.release_id } : null;
}

export async function setDesired(sql: Queryable, id: string, desired: Desired): Promise<void> {
  await sql.query(
    `UPDATE instance SET desired = $2, drain_since = CASE WHEN $2 = 'run' THEN NULL ELSE coalesce(drain_since, clock_timestamp()) END WHERE id = $1`,
    [id, desired],
  );
}

/** Ordered in the moment in which its host, asked to go, had nothing left and went: nobody will tell of its end. */
export async function endAtGoneHosts(sql: Queryable, environmentId: string): Promise<void> {
  await sql.query(
    `UPDATE instance SET state = 'stopped', reason = 'its host had left', ended_at = clock_timestamp()
     WHERE environment_id = $1 AND ended_at IS NULL AND desired = 'stop'
       AND agent_id IN (SELECT id FROM agent WHERE intent = 'drain' AND state = 'offline')`,
    [environmentId],
  );
}

export async function setArm(sql: Queryable, id: string, arm: GroupName): Promise<void> {
  await sql.query('UPDATE instance SET arm = $2 WHERE id = $1', [id, arm]);
}

export async function setExcludedBy(sql: Queryable, id: string, by: Version): Promise<void> {
  await sql.query('UPDATE instance SET excluded_by = $2 WHERE id = $1', [id, JSON.stringify(by)]);
}

/** Their host went silent. Whether they run nobody knows: they are replaced where that is possible. */
export async function strandInstances(
  sql: Queryable,
  agentId: string,
  reason: string,
): Promise<readonly string[]> {
  const stranded = await sql.query<{ environment_id: string }>(
    `UPDATE instance SET state = 'unready', reason = $2 WHERE agent_id = $1 AND ended_at IS NULL RETURNING environment_id`,
    [agentId, reason],
  );
  return [...new Set(stranded.rows.map((row) => row.environment_id))];
}
