/** The files of one schema change, whichever tool they were written for. */
export interface SourceFile {
  /** Relative to the repository. */
  readonly path: string;
  readonly text: string;
}

/** plain: of another tool, run as it is before the new release starts. */
export type SourcePhase = 'expand' | 'backfill' | 'contract' | 'plain' | 'abort' | 'declaration';

export interface PhaseFile extends SourceFile {
  readonly phase: SourcePhase;
}

export interface MigrationSource {
  readonly version: number;
  readonly name: string;
  /** SHA-256 of its files, hexadecimal. */
  readonly digest: string;
  readonly form: 'phases' | 'declared' | 'plain';
  readonly files: readonly PhaseFile[];
}
