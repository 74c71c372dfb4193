import { WHOLE } from '../traffic/traffic.ts';

/** The replicas an arm of this share needs: at least one, and never less than its part of the fleet. */
export function replicasFor(share: number, replicas: number): number {
  return share <= 0 ? 0 : Math.min(replicas, Math.max(1, Math.ceil((replicas * share) / WHOLE)));
}

/** The fresh baseline gets as much as the candidate, as long as that leaves stable something. */
export function baselineShare(weight: number): number {
  return Math.min(weight, Math.floor((WHOLE - weight) / 2));
}
