import type { Report, ReportResult } from '@holdfast/contract/agent/protocol.ts';
import type { LogPiece } from '@holdfast/core/pipeline/reports.ts';
import type { Logger } from 'pino';
import type { CheckpointClient } from '../checkpoint/checkpoint.ts';
import type { ControllerClient } from '../link/controller-client.ts';
import type { StepUser } from '../shim/shim.ts';
import type { ActionWorld } from '../steps/actions/action-world.ts';

/** What a job needs of the agent that runs it. */
export interface JobWorld {
  readonly data: string;
  readonly agentName: string;
  readonly client: CheckpointClient & Pick<ControllerClient, 'appendLog'>;
  readonly actions: ActionWorld;
  readonly report: (report: Report, log?: LogPiece | null) => Promise<ReportResult>;
  readonly patienceSeconds: number;
  readonly identityFile: string;
  readonly user: StepUser | null;
  readonly spoolBytes: number;
  readonly log: Logger;
}
