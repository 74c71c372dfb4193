/** Defaults of protocol §7, in bytes or counts. Each has a clear error (limitExceeded). */
export const LIMITS = {
  requestBytes: 8 * 1024 * 1024,
  logLineBytes: 64 * 1024,
  stepLogBytes: 1024 ** 3,
  /** What a step prints waits on its agent's disk, what no log keeps any more, too. */
  stepSpoolBytes: 2 * 1024 ** 3,
  stepOutputBytes: 1024 * 1024,
  artifactBytes: 5 * 1024 ** 3,
  workspaceBytes: 20 * 1024 ** 3,
  queuePerRepository: 10_000,
} as const;
