import { newId } from '@holdfast/contract/id.ts';
import { decide } from '@holdfast/core/pipeline/decide.ts';
import type { WorkflowDefinition } from '@holdfast/core/pipeline/pipeline.ts';
import type { RunWorld } from '@holdfast/core/pipeline/ports.ts';
import type { Database } from '@holdfast/postgres/database.ts';
import { insertRun, saveRun } from '@holdfast/postgres/run/run-store.ts';
import { sampleRun } from '@holdfast/testkit/sample-runs.ts';

/** A run comes into the queue as a push would bring it, but without a Git repository. */
export async function queueRun(
  database: Database,
  run: { readonly definition: WorkflowDefinition; readonly repositoryId: string; readonly number: number },
  world: RunWorld,
): Promise<void> {
  const { definition, repositoryId, number } = run;
  const blank = sampleRun(newId(), definition);
  const decided = decide(blank, { kind: 'advance' }, world);
  if (!decided.ok) throw new Error(decided.refusal.sentence);
  const queued = decided.value.run;
  await database.transaction(async (sql) => {
    await insertRun(sql, {
      run: queued,
      repositoryId,
      number,
      name: 'bench',
      event: 'push',
      ref: 'refs/heads/main',
      commit: '0'.repeat(40),
      message: 'bench',
      definitionHash: 'bench',
      source: 'bench',
      config: null,
      schemaFiles: null,
    });
    await saveRun(sql, blank, queued);
  });
}
