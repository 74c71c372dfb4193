/** Thrown when state that can never be has been seen. Stops that unit of work, never the process. */
export class BrokenInvariant extends Error {
  override readonly name = 'BrokenInvariant';
}

export function invariant(condition: unknown, sentence: string): asserts condition {
  if (!condition) throw new BrokenInvariant(sentence);
}

/** Closes a switch over a union: adding a member makes the switch fail to compile. */
export function unreachable(member: never): never {
  throw new BrokenInvariant(`unexpected member ${JSON.stringify(member)}`);
}
