import { HoldfastError } from '@holdfast/contract/errors.ts';
import type { StepDefinition } from '@holdfast/core/pipeline/pipeline.ts';
import { actionName } from '@holdfast/workflow/built-in-actions.ts';
import { textMembers } from '@holdfast/workflow/expressions.ts';
import { failedResult, PLAIN_RESULT, runStep, type StepResult, type StepRun } from '../run-step.ts';
import { evaluateEnv, valuesOf } from '../step-world.ts';
import type { ActionWorld } from './action-world.ts';
import { checkout } from './checkout.ts';
import { publish } from './publish.ts';

/** One step, whatever it is: condition first, then the script or the action. */
export type PerformStep = (run: StepRun, step: StepDefinition) => Promise<StepResult>;

export function createPerformer(world: ActionWorld): PerformStep {
  const perform: PerformStep = async (run, step) => {
    try {
      const values = valuesOf(run.world, run.scope, run.status);
      if (!run.expressions.condition(step.condition, values, run.status))
        return { ...PLAIN_RESULT, outcome: 'skipped' };
      if (step.action.kind === 'run') return await runStep(run, step);
      const own = evaluateEnv(run.expressions, step.env, { values, status: run.status });
      const inner = { ...run, scope: { ...run.scope, env: { ...run.scope.env, ...own } } };
      const inputs = textMembers(
        run.expressions.value(
          step.action.with,
          valuesOf(inner.world, inner.scope, inner.status),
          inner.status,
        ),
      );
      return await useAction(inner, step.action.uses, inputs);
    } catch (error) {
      const sentence = error instanceof HoldfastError ? error.located : (error as Error).message;
      run.log.write(`error: ${run.masks.hide(sentence)}\n`);
      return failedResult(run.masks.hide(sentence));
    }
  };
  const useAction = async (
    run: StepRun,
    uses: string,
    inputs: Record<string, string>,
  ): Promise<StepResult> => {
    if (uses.startsWith('./')) {
      // GitHub's parser is a quarter of an idle agent's memory, and few jobs need it.
      const { composite } = await import('./composite.ts');
      return composite(run, perform, { uses, inputs });
    }
    switch (actionName(uses)) {
      case 'actions/checkout':
        return checkout(run, world, inputs);
      case 'holdfast/publish':
        return publish(run, world, inputs);
      default:
        throw new HoldfastError('workflowUnsupported', `the action ${uses} cannot run on an agent`);
    }
  };
  return perform;
}
