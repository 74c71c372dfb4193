import type { Json } from '../kernel/json.ts';
import type { Template, Values } from './pipeline.ts';

/** What `success()`, `failure()` and `cancelled()` answer where an expression is evaluated. */
export interface StatusView {
  readonly success: boolean;
  readonly failure: boolean;
  readonly cancelled: boolean;
}

/**
 * The expression language of the workflow file. Pure: the same arguments give the same answer.
 * Throws `ExpressionError` with the expression and the place when one cannot be evaluated; the
 * machine turns that into the job's reason.
 */
export interface Expressions {
  condition(expression: string, values: Values, status: StatusView): boolean;
  value(template: Template, values: Values, status: StatusView): Json;
}

/** What a decision about a run takes from outside. */
export interface RunWorld {
  readonly expressions: Expressions;
  readonly newId: () => string;
}
