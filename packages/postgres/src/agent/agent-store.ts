import type { AgentHello, AgentView, Sign } from '@holdfast/core/pipeline/ports.ts';
import type { Queryable } from '../database.ts';

interface AgentRow {
  readonly id: string;
  readonly name: string;
  readonly session_id: string;
  readonly labels: string[];
  readonly zone: string;
  readonly slots: number;
  readonly host: boolean;
  readonly address: string;
  readonly intent: AgentView['intent'];
  readonly state: string;
  readonly silence_ms: number;
  readonly lost_ms_ago: number | null;
  readonly busy: number;
  readonly holds_back: string | null;
}

/** Silence is measured here, by the database's clock alone. */
const view = (
  held = '',
) => `agent.*, (extract(epoch FROM clock_timestamp() - seen_at) * 1000)::float8 AS silence_ms,
  (extract(epoch FROM clock_timestamp() - lost_at) * 1000)::float8 AS lost_ms_ago,
  (SELECT count(*)::int FROM job WHERE job.agent_id = agent.id AND job.ended_at IS NULL AND job.reported IS NULL ${held}) AS busy`;

function viewOf(row: AgentRow): AgentView {
  const { id, name, labels, zone, slots, host, address, intent, state, busy } = row;
  return {
    id,
    name,
    sessionId: row.session_id,
    labels,
    zone,
    slots,
    host,
    address,
    intent,
    state,
    busy,
    silenceMs: row.silence_ms,
    lostMsAgo: row.lost_ms_ago,
    holdsBack: row.holds_back,
  };
}

/** A new session of an agent; a replayed hello of the same session changes nothing but its description. */
export async function greetAgent(sql: Queryable, agent: AgentHello): Promise<void> {
  await sql.query(
    `INSERT INTO agent (id, name, session_id, labels, zone, slots, host, address, state)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 'online')
     ON CONFLICT (id) DO UPDATE SET name = $2, session_id = $3, labels = $4, zone = $5, slots = $6, host = $7, address = $8,
       state = 'online', seen_at = clock_timestamp(), connected_at = clock_timestamp()`,
    [agent.id, agent.name, agent.sessionId, agent.labels, agent.zone, agent.slots, agent.host, agent.address],
  );
}

/** Locked first and read then, so that what it holds is counted as it is. `since`: none of it is older. */
export async function lockAgent(sql: Queryable, id: string, since: Date | null): Promise<AgentView | null> {
  await sql.query('SELECT 1 FROM agent WHERE id = $1 FOR UPDATE', [id]);
  const found = await sql.query<AgentRow>(
    `SELECT ${view("AND job.granted_at >= coalesce($2::timestamptz, '-infinity')")} FROM agent WHERE id = $1`,
    [id, since],
  );
  return found.rows[0] ? viewOf(found.rows[0]) : null;
}

/** By id, or by the name people use. */
export async function findAgent(sql: Queryable, id: string): Promise<AgentView | null> {
  const found = await sql.query<AgentRow>(
    `SELECT ${view()} FROM agent WHERE id::text = $1 OR name = $1 ORDER BY (id::text = $1) DESC, seen_at DESC LIMIT 1`,
    [id],
  );
  return found.rows[0] ? viewOf(found.rows[0]) : null;
}

/** Of many agents in one statement. It may itself arrive late: numbers tell what is new, not the clock. */
export async function noteSigns(sql: Queryable, signs: readonly Sign[]): Promise<void> {
  if (signs.length === 0) return;
  await sql.query(
    `WITH locked AS MATERIALIZED (SELECT id FROM agent WHERE id = ANY ($1::uuid[]) ORDER BY id FOR UPDATE)
     UPDATE agent SET seen_at = clock_timestamp(), sign = given.number, sign_session = given.session,
       state = CASE WHEN state IN ('lost', 'suspect') THEN 'online' ELSE state END
     FROM locked JOIN unnest($1::uuid[], $2::uuid[], $3::bigint[]) AS given (id, session, number) USING (id)
     WHERE agent.id = locked.id AND (given.number = 0 OR agent.session_id = given.session
       AND (agent.sign_session IS DISTINCT FROM given.session OR given.number > agent.sign))`,
    [
      signs.map(({ agentId }) => agentId),
      signs.map(({ sessionId }) => sessionId),
      signs.map(({ number }) => number),
    ],
  );
}

export async function setAgentState(sql: Queryable, id: string, state: string): Promise<void> {
  await sql.query(
    `UPDATE agent SET state = $2, lost_at = CASE WHEN $2 = 'lost' THEN clock_timestamp() ELSE lost_at END WHERE id = $1`,
    [id, state],
  );
}

export async function setAgentHoldsBack(sql: Queryable, id: string, reason: string | null): Promise<void> {
  await sql.query('UPDATE agent SET holds_back = $2 WHERE id = $1', [id, reason]);
}

export async function suspectSilent(sql: Queryable, id: string, silenceMs: number): Promise<void> {
  await sql.query(
    `UPDATE agent SET state = 'suspect' WHERE id = $1 AND state = 'online' AND seen_at < clock_timestamp() - $2 * interval '1 millisecond'`,
    [id, silenceMs],
  );
}

/** A gap since anybody looked was the installation's silence: every lease gets one full period. */
export async function beginLook(sql: Queryable, lostMs: number): Promise<boolean> {
  const looked = await sql.query<{ grace: boolean }>(
    `UPDATE liveness SET looked_at = clock_timestamp(), grace_until = CASE
       WHEN clock_timestamp() - looked_at > $1 / 2.0 * interval '1 millisecond' THEN clock_timestamp() + $1 * interval '1 millisecond'
       ELSE least(grace_until, clock_timestamp() + $1 * interval '1 millisecond') END
     RETURNING clock_timestamp() < grace_until AS grace`,
    [lostMs],
  );
  return looked.rows[0]?.grace ?? false;
}

export async function setAgentIntent(sql: Queryable, id: string, intent: AgentView['intent']): Promise<void> {
  await sql.query('UPDATE agent SET intent = $2 WHERE id = $1', [id, intent]);
}

export async function listAgents(sql: Queryable): Promise<readonly AgentView[]> {
  const found = await sql.query<AgentRow>(`SELECT ${view()} FROM agent ORDER BY name, id`);
  return found.rows.map(viewOf);
}

export function hasLabels(agent: AgentView, labels: readonly string[]): boolean {
  return labels.every((label) => agent.labels.includes(label));
}

/** Agents in the host role: those that have every label and are not lost, and those that were asked to go. */
export async function listHosts(
  sql: Queryable,
  labels: readonly string[],
): Promise<{ readonly hosts: readonly AgentView[]; readonly leaving: readonly AgentView[] }> {
  const agents = await listAgents(sql);
  const leaving = agents.filter((agent) => agent.host && agent.intent === 'drain');
  const hosts = agents.filter(
    (agent) => agent.host && agent.state === 'online' && agent.intent === 'work' && hasLabels(agent, labels),
  );
  return { hosts, leaving };
}
