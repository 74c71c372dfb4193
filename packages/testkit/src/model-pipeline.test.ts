import { describe } from 'vitest';
import { ModelPipeline } from './model-pipeline.ts';
import { pipelineContract } from './pipeline-contract.ts';

describe('the model keeps the contract of the pipeline', () => {
  pipelineContract(async (options) => {
    const store = new ModelPipeline(() => performance.now(), options);
    return {
      store,
      addRun: async (run, repository) => store.addRun(run, repository),
      attempts: async (jobId) => [...store.attemptsOf(jobId)].sort((a, b) => a.index - b.index),
      logOf: async (attemptId) =>
        [...(store.tables.logs.get(attemptId) ?? [])]
          .sort(([a], [b]) => a - b)
          .map(([, text]) => text)
          .join(''),
    };
  });
});
