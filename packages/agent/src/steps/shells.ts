/** How a `run` script is started, by GitHub's rules for `shell`. `{0}` is the script's file. */
const SHELLS: { readonly [name: string]: { readonly words: readonly string[]; readonly extension: string } } =
  {
    default: { words: ['bash', '-e', '{0}'], extension: 'sh' },
    bash: { words: ['bash', '--noprofile', '--norc', '-eo', 'pipefail', '{0}'], extension: 'sh' },
    sh: { words: ['sh', '-e', '{0}'], extension: 'sh' },
    python: { words: ['python3', '{0}'], extension: 'py' },
    node: { words: ['node', '{0}'], extension: 'cjs' },
  };

export function shellFor(name: string | null): {
  readonly extension: string;
  words(file: string): readonly string[];
} {
  const known = SHELLS[name ?? 'default'] ?? { words: (name ?? '').split(/\s+/), extension: 'txt' };
  return {
    extension: known.extension,
    words: (file) => known.words.map((word) => word.replaceAll('{0}', file)),
  };
}
