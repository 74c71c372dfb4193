import { newId } from '@holdfast/contract/id.ts';
import type { Run } from '@holdfast/core/pipeline/pipeline.ts';
import type { Transactor } from '@holdfast/postgres/database.ts';
import { PostgresPipeline } from '@holdfast/postgres/pipeline-store.ts';
import { attemptsOfJob } from '@holdfast/postgres/run/attempt-store.ts';
import { readLog } from '@holdfast/postgres/run/log-store.ts';
import { findRepository, insertRepository } from '@holdfast/postgres/run/repository-store.ts';
import { insertRun, saveRun } from '@holdfast/postgres/run/run-store.ts';
import type { PipelineWorld } from './pipeline-bench.ts';

/** The pipeline's port on a real database, with what the contract suite and the simulator ask beside it. */
export function sqlWorld(
  database: Transactor,
  options: { readonly jobsPerRepository: number; readonly now?: () => number },
): PipelineWorld & { readonly store: PostgresPipeline } {
  return {
    store: new PostgresPipeline(database, options),
    addRun: (run, repository) => addRun(database, run, repository),
    attempts: async (jobId) =>
      (await attemptsOfJob(database, jobId)).map(({ id, step_index, state, counted, late }) => ({
        id,
        index: step_index,
        state,
        counted,
        late,
      })),
    logOf: async (attemptId) => (await readLog(database, attemptId, 0)).text,
  };
}

async function addRun(database: Transactor, run: Run, name: string): Promise<void> {
  const known = await findRepository(database, name);
  const repositoryId = known?.id ?? newId();
  if (!known)
    await insertRepository(database, {
      id: repositoryId,
      name,
      url: '/none',
      poll_seconds: 60,
      webhook_secret: Buffer.from('x'),
    });
  await database.transaction(async (sql) => {
    await insertRun(sql, {
      run,
      repositoryId,
      number: 1,
      name: run.definition.name,
      event: 'push',
      ref: 'refs/heads/main',
      commit: 'c',
      message: 'm',
      definitionHash: 'h',
      source: 's',
      config: null,
      schemaFiles: null,
    });
    await saveRun(sql, { ...run, jobs: [] }, run);
  });
}
