/**
 * The secrets a piece of a workflow names, so that an agent gets those and no others. Dynamic
 * access (`secrets[…]`, `toJSON(secrets)`) would need all of them and is refused by `wantsAll`.
 */
export function secretNames(part: unknown): readonly string[] {
  const names = new Set<string>();
  for (const expression of expressionsIn(part)) {
    for (const match of expression.matchAll(
      /\bsecrets\s*(?:\.\s*([A-Za-z_][A-Za-z0-9_-]*)|\[\s*'([^']+)'\s*\])/gi,
    )) {
      names.add((match[1] ?? match[2] ?? '').toUpperCase());
    }
  }
  return [...names];
}

export function wantsAllSecrets(part: unknown): boolean {
  return expressionsIn(part).some((expression) =>
    /\bsecrets\b(?!\s*(\.\s*[A-Za-z_]|\[\s*'))/i.test(expression),
  );
}

function expressionsIn(part: unknown): string[] {
  if (part === null || typeof part !== 'object') return [];
  if ('expression' in part && typeof part.expression === 'string') return [part.expression];
  const own = 'condition' in part && typeof part.condition === 'string' ? [part.condition] : [];
  return [...own, ...Object.values(part).flatMap(expressionsIn)];
}
