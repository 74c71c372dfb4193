import type { AgentView } from './ports.ts';

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

/** From ten agents on a mass loss is doubted first: a fifth of them, or one whole zone, in a minute. */
const DOUBTED_FROM = 10;

export function mayExpire(
  agent: Pick<AgentView, 'zone'>,
  fleet: readonly Pick<AgentView, 'zone' | 'state' | 'lostMsAgo'>[],
): boolean {
  const lost = fleet.filter((other) => other.state === 'lost' && (other.lostMsAgo ?? Infinity) < 60_000);
  const connected = fleet.filter((other) => other.state !== 'offline' && other.state !== 'lost').length;
  if (connected + lost.length < DOUBTED_FROM) return true;
  if (lost.length < Math.floor((connected + lost.length) / 5)) return true;
  return agent.zone !== '' && lost.every((other) => other.zone === agent.zone);
}
