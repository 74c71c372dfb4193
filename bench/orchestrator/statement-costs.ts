import { round } from '../latency.ts';
import type { BenchDatabase } from './database.ts';

/** What PostgreSQL was asked for one step, by pg_stat_statements: how often, and what it cost inside. */
export interface StatementCosts {
  readonly statementsPerStep: number;
  readonly databaseMsPerStep: number;
  readonly topStatements: readonly {
    readonly sql: string;
    readonly callsPerStep: number;
    readonly databaseMsPerStep: number;
    readonly share: number;
  }[];
}

const TOP = 12;

export async function resetStatementCosts(database: BenchDatabase): Promise<void> {
  await database.withClient('holdfast', async (client) => {
    await client.query('CREATE EXTENSION IF NOT EXISTS pg_stat_statements');
    await client.query('SELECT pg_stat_statements_reset()');
  });
}

export async function readStatementCosts(database: BenchDatabase, steps: number): Promise<StatementCosts> {
  const rows = await database.withClient('holdfast', async (client) => {
    const found = await client.query<{ query: string; calls: number; total: number }>(
      `SELECT query, calls::float8 AS calls, total_exec_time + total_plan_time AS total
       FROM pg_stat_statements WHERE query NOT LIKE '%pg_stat_statements%' ORDER BY total DESC`,
    );
    return found.rows;
  });
  const total = sum(rows.map((row) => row.total));
  return {
    statementsPerStep: round(sum(rows.map((row) => row.calls)) / steps),
    databaseMsPerStep: round(total / steps),
    topStatements: rows.slice(0, TOP).map((row) => ({
      sql: row.query.replace(/\s+/g, ' ').slice(0, 110),
      callsPerStep: round(row.calls / steps),
      databaseMsPerStep: round(row.total / steps),
      share: round(row.total / total),
    })),
  };
}

function sum(values: readonly number[]): number {
  return values.reduce((before, value) => before + value, 0);
}
