import type { Queryable } from '../database.ts';

export interface AgentRow {
  readonly id: string;
  readonly name: string;
  readonly session_id: string;
  readonly labels: string[];
  readonly zone: string;
  readonly slots: number;
  readonly host: boolean;
  readonly address: string;
  readonly intent: 'work' | 'pause' | 'drain';
  readonly state: string;
  readonly seen_at: Date;
}

export interface SeenAgent extends AgentRow {
  readonly silence_ms: number;
  readonly busy: number;
}

export type AgentHello = Pick<
  AgentRow,
  'id' | 'name' | 'session_id' | 'labels' | 'zone' | 'slots' | 'host' | 'address'
>;

/** A new session of an agent; a replayed hello of the same session changes nothing but its description. */
export async function greetAgent(sql: Queryable, agent: AgentHello): Promise<void> {
  await sql.query(
    `INSERT INTO agent (id, name, session_id, labels, zone, slots, host, address, state)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 'online')
     ON CONFLICT (id) DO UPDATE SET name = $2, session_id = $3, labels = $4, zone = $5, slots = $6, host = $7, address = $8,
       state = 'online', seen_at = clock_timestamp(), connected_at = clock_timestamp()`,
    [
      agent.id,
      agent.name,
      agent.session_id,
      agent.labels,
      agent.zone,
      agent.slots,
      agent.host,
      agent.address,
    ],
  );
}

export async function agentById(sql: Queryable, id: string): Promise<AgentRow | null> {
  return (await sql.query<AgentRow>('SELECT * FROM agent WHERE id = $1', [id])).rows[0] ?? null;
}

/** By id, or by the name people use. */
export async function findAgent(sql: Queryable, id: string): Promise<AgentRow | null> {
  return (
    (
      await sql.query<AgentRow>(
        'SELECT * FROM agent WHERE id::text = $1 OR name = $1 ORDER BY (id::text = $1) DESC, seen_at DESC LIMIT 1',
        [id],
      )
    ).rows[0] ?? null
  );
}

/** Signs of life of many agents in one statement, gathered in memory between two writes. */
export async function noteSigns(sql: Queryable, agentIds: readonly string[]): Promise<void> {
  if (agentIds.length === 0) return;
  await sql.query(
    `UPDATE agent SET seen_at = clock_timestamp(), state = CASE WHEN state IN ('lost', 'suspect') THEN 'online' ELSE state END
     WHERE id IN (SELECT id FROM agent WHERE id = ANY ($1::uuid[]) ORDER BY id FOR UPDATE)`,
    [agentIds],
  );
}

export async function setAgentState(sql: Queryable, id: string, state: string): Promise<void> {
  await sql.query('UPDATE agent SET state = $2 WHERE id = $1', [id, state]);
}

export async function setAgentIntent(sql: Queryable, id: string, intent: AgentRow['intent']): Promise<void> {
  await sql.query('UPDATE agent SET intent = $2 WHERE id = $1', [id, intent]);
}

/** Silence is measured here, by the database's clock alone. */
export async function listAgents(sql: Queryable): Promise<readonly SeenAgent[]> {
  const found = await sql.query<SeenAgent>(
    `SELECT agent.*, (extract(epoch FROM clock_timestamp() - seen_at) * 1000)::float8 AS silence_ms,
       (SELECT count(*)::int FROM job WHERE job.agent_id = agent.id AND job.ended_at IS NULL) AS busy
     FROM agent ORDER BY name, id`,
  );
  return found.rows;
}

/** Agents in the host role that have every label and are not lost. */
export async function listHosts(sql: Queryable, labels: readonly string[]): Promise<readonly SeenAgent[]> {
  const agents = await listAgents(sql);
  return agents.filter(
    (agent) =>
      agent.host &&
      agent.state === 'online' &&
      agent.intent === 'work' &&
      labels.every((label) => agent.labels.includes(label)),
  );
}
