import { HoldfastError } from '@holdfast/contract/errors.ts';

/** How holdfast.yaml names a secret: `${{ secrets.NAME }}` inside a value. */
export const SECRET_REFERENCE = /\$\{\{\s*secrets\.([A-Za-z_][A-Za-z0-9_]*)\s*\}\}/g;

export function secretNamesOf(env: Record<string, string>): readonly string[] {
  return [
    ...new Set(
      Object.values(env).flatMap((text) =>
        [...text.matchAll(SECRET_REFERENCE)].map((match) => match[1] as string),
      ),
    ),
  ];
}

/** What a sealed secret is bound to: it opens nowhere else. */
export function secretPurpose(repository: string, name: string, version: number): string {
  return `secret ${repository} ${name} ${version}`;
}

export function secretMissing(name: string): HoldfastError {
  return new HoldfastError(
    'secretUnknown',
    `the secret ${name} is not set; set it with holdfast secret set ${name}`,
  );
}
