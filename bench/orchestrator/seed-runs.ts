import { randomBytes } from 'node:crypto';
import { newId } from '@holdfast/contract/id.ts';
import type { WorkflowDefinition } from '@holdfast/core/pipeline/pipeline.ts';
import { Database } from '@holdfast/postgres/database.ts';
import { insertRepository } from '@holdfast/postgres/run/repository-store.ts';
import { createExpressions } from '@holdfast/workflow/expressions.ts';
import { parseWorkflow } from '@holdfast/workflow/parse-workflow.ts';
import { queueRun } from './queue-run.ts';

/**
 * Runs of one job with many no-op steps, queued as a push would queue them but without a Git
 * repository: workflow parser, run machine and stores are the real ones.
 */
export interface Seed {
  readonly runs: number;
  readonly stepsPerRun: number;
}

const PATH = '.holdfast/workflows/bench.yaml';

export async function seedRuns(databaseUrl: string, seed: Seed): Promise<void> {
  const database = new Database(databaseUrl, { connections: 1, name: 'bench' });
  try {
    await endLeftovers(database);
    const repositoryId = newId();
    await insertRepository(database, {
      id: repositoryId,
      name: `bench-${repositoryId}`,
      url: 'none',
      poll_seconds: 0,
      webhook_secret: randomBytes(8),
    });
    const definition = noOpWorkflow(seed.stepsPerRun);
    const tools = { expressions: createExpressions(), newId };
    for (let number = 1; number <= seed.runs; number += 1) {
      await queueRun(database, { definition, repositoryId, number }, tools);
    }
    await database.query('ANALYZE');
  } finally {
    await database.close();
  }
}

/** What the measurement before left unfinished must not be handed to the next one's agents. */
async function endLeftovers(database: Database): Promise<void> {
  await database.query(
    "UPDATE job SET state = 'cancelled', ended_at = clock_timestamp(), agent_id = NULL WHERE ended_at IS NULL",
  );
  await database.query(
    "UPDATE run SET state = 'cancelled', ended_at = clock_timestamp() WHERE ended_at IS NULL",
  );
}

function noOpWorkflow(steps: number): WorkflowDefinition {
  // With ids: GitHub's parser gives up inventing names after a thousand steps.
  const lines = Array.from({ length: steps }, (_, index) => `      - { id: step${index}, run: "true" }`);
  const text = [
    'name: bench',
    'on: push',
    'jobs:',
    '  steps:',
    '    runs-on: bench',
    '    steps:',
    ...lines,
    '',
  ].join('\n');
  return parseWorkflow({ path: PATH, text, readFile: () => null }).definition;
}
