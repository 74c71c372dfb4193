import { HoldfastError } from '@holdfast/contract/errors.ts';
import type { RepositoryRow } from '@holdfast/postgres/run/repository-store.ts';
import { matchesPush } from '@holdfast/workflow/triggers.ts';
import type { Services } from '../services.ts';
import type { Push } from '../triggers/poll-repository.ts';
import {
  type PreparedRun,
  prepareBrokenRun,
  prepareRun,
  readWorkflow,
  viewCommit,
  workflowPaths,
} from './prepare-run.ts';

/** One run for each workflow of the pushed commit that listens to this ref. */
export async function startPushRuns(
  services: Services,
  repository: RepositoryRow,
  push: Push,
): Promise<readonly PreparedRun[]> {
  const view = await viewCommit(services, repository, { ref: push.ref, commit: push.after });
  const payload = {
    ref: push.ref,
    before: push.before ?? '',
    after: push.after,
    head_commit: { id: push.after, message: view.message },
  };
  const prepared: PreparedRun[] = [];
  for (const path of await workflowPaths(services, view)) {
    try {
      const parsed = await readWorkflow(services, view, path);
      if (!parsed.triggers.push || !matchesPush(parsed.triggers.push, push.ref)) continue;
      prepared.push(
        await prepareRun(services, view, { parsed, event: { name: 'push', payload, inputs: {} } }),
      );
    } catch (error) {
      if (!(error instanceof HoldfastError) || error.kind !== 'invalid') throw error;
      prepared.push(prepareBrokenRun(view, path, error));
    }
  }
  return prepared;
}
