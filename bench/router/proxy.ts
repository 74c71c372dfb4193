import type { Started, Workbench } from '../workbench.ts';

/** A proxy to be measured: all are given one worker, one upstream, keep-alive, and no access log. */
export interface Ports {
  readonly listen: number;
  readonly upstream: number;
}

export interface BenchProxy {
  readonly name: string;
  start(workbench: Workbench, ports: Ports): Started | Promise<Started>;
}
