/**
 * Is an agent there? Only silence is judged, and only with durations measured by the database
 * clock (protocol §2): online → suspect (no new work) → lost (its jobs go elsewhere).
 */
export interface LivenessTimers {
  readonly suspectMs: number;
  readonly lostMs: number;
}

export const DEFAULT_TIMERS: LivenessTimers = { suspectMs: 6_000, lostMs: 10_000 };

export type Liveness = 'online' | 'suspect' | 'lost';

export function livenessOf(silenceMs: number, timers: LivenessTimers): Liveness {
  if (silenceMs >= timers.lostMs) return 'lost';
  return silenceMs >= timers.suspectMs ? 'suspect' : 'online';
}

/** From ten agents on, at most a fifth may be expired within a minute: a mass loss is doubted first. */
export function expiryBudget(connected: number, expiredWithinMinute: number): number {
  if (connected < 10) return connected;
  return Math.max(0, Math.floor(connected / 5) - expiredWithinMinute);
}
