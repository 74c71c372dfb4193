import { HoldfastError } from '../errors.ts';

/** How a router is told of a listening socket that it inherits. */
export const SOCKET_TOLD = {
  /** Its number in the router's first process. */
  number: 'HOLDFAST_ROUTER_SOCKET',
  /** A service manager keeps it: it outlives the router. */
  activated: 'HOLDFAST_ROUTER_ACTIVATED',
} as const;

/** sd_listen_fds(3): sockets begin here. */
export const FIRST_SOCKET = 3;

/** True when a service manager gave this very process its socket, by systemd's protocol. */
export function isSocketActivated(env: NodeJS.ProcessEnv, pid: number): boolean {
  if (!env.LISTEN_FDS || Number(env.LISTEN_PID) !== pid) return false;
  if (env.LISTEN_FDS === '1') return true;
  throw new HoldfastError(
    'usageInvalid',
    `expected one socket from the service manager, got ${env.LISTEN_FDS}`,
  );
}
