import type { Expressions } from '@holdfast/core/pipeline/ports.ts';

/** Enough of the expression language for runs whose templates are plain values. */
export const plainExpressions: Expressions = {
  condition: (expression, _values, status) => {
    if (expression === 'always()') return true;
    if (expression === 'failure()') return status.failure;
    return status.success;
  },
  value: (template) => {
    if (template === null || typeof template !== 'object') return template;
    if ('members' in template)
      return Object.fromEntries(template.members.map(([name, value]) => [name, value as string]));
    throw new Error('plain values only');
  },
};
