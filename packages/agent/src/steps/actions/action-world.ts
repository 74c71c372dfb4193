import type { ControllerClient } from '../../link/controller-client.ts';

/** What built-in actions may reach beside their step. `publish` is absent where there is no server. */
export interface ActionWorld {
  readonly client: Pick<ControllerClient, 'getBlob' | 'publish'>;
  readonly agentId: string;
}
