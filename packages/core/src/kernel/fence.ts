/**
 * Whoever acts holds a fence; whoever is acted upon remembers the highest one seen and refuses
 * lower ones (protocol §3). `generation` changes when the database was replaced by another
 * timeline; `epoch` changes with each holder of one lease.
 */
export interface Fence {
  readonly generation: number;
  readonly epoch: number;
}

export function compareFence(a: Fence, b: Fence): number {
  return a.generation - b.generation || a.epoch - b.epoch;
}

export function isStale(fence: Fence, highestSeen: Fence | undefined): boolean {
  return highestSeen !== undefined && compareFence(fence, highestSeen) < 0;
}
