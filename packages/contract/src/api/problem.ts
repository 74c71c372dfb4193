import { z } from 'zod';
import { ERRORS, type HoldfastError, KINDS } from '../errors.ts';

/** RFC 9457. `code` is stable; `remedy` says what to do next. */
export const problem = z.object({
  type: z.string(),
  title: z.string(),
  status: z.int(),
  detail: z.string(),
  code: z.string(),
  remedy: z.string(),
  place: z.object({ file: z.string(), line: z.int(), column: z.int() }).optional(),
  requestId: z.string().optional(),
});
export type Problem = z.infer<typeof problem>;

export function problemOf(error: HoldfastError, requestId?: string): Problem {
  const { meaning, remedy, kind } = ERRORS[error.code];
  return {
    type: `https://holdfast.dev/errors#${error.code}`,
    title: meaning,
    status: KINDS[kind].status,
    detail: error.message,
    code: error.code,
    remedy,
    ...(error.place ? { place: error.place } : {}),
    ...(requestId ? { requestId } : {}),
  };
}
