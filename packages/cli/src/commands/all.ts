import type { AddCommands } from './add-command.ts';
import { addAgents } from './agents.ts';
import { addAnswer } from './answer.ts';
import { addArtifact } from './artifact.ts';
import { addDeploy } from './deploy.ts';
import { addDoctor } from './doctor.ts';
import { addFreeze } from './freeze.ts';
import { addGates } from './gates.ts';
import { addInit } from './init.ts';
import { addLogin } from './login.ts';
import { addLogs } from './logs.ts';
import { addMigrate } from './migrate.ts';
import { addPlan } from './plan.ts';
import { addPrograms } from './programs.ts';
import { addReleases } from './releases.ts';
import { addRepo } from './repo.ts';
import { addRollback } from './rollback.ts';
import { addRollout } from './rollout.ts';
import { addRun } from './run.ts';
import { addRuns } from './runs.ts';
import { addSecret } from './secret.ts';
import { addStatus } from './status.ts';
import { addToken } from './token.ts';
import { addUp } from './up.ts';
import { addWhy } from './why.ts';

export const commands: readonly AddCommands[] = [
  addInit,
  addUp,
  addPrograms,
  addLogin,
  addToken,
  addSecret,
  addRepo,
  addRun,
  addRuns,
  addLogs,
  addWhy,
  addAnswer,
  addArtifact,
  addPlan,
  addDeploy,
  addRollout,
  addRollback,
  addReleases,
  addMigrate,
  addFreeze,
  addGates,
  addStatus,
  addAgents,
  addDoctor,
];
