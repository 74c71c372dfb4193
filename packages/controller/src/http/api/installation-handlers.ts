import { randomBytes } from 'node:crypto';
import { HoldfastError } from '@holdfast/contract/errors.ts';
import type { AgentView } from '@holdfast/core/pipeline/ports.ts';
import { outwardSteps, provisioningSteps } from '@holdfast/core/pipeline/unsaid.ts';
import {
  findAgent,
  hasLabels,
  listAgents,
  listHosts,
  setAgentIntent,
} from '@holdfast/postgres/agent/agent-store.ts';
import type { Database } from '@holdfast/postgres/database.ts';
import { ensureDuty, parkedDuties } from '@holdfast/postgres/duty/duty-store.ts';
import { isDuplicate } from '@holdfast/postgres/failures.ts';
import { findRelease } from '@holdfast/postgres/release/release-store.ts';
import { type InstanceRow, ordersFor } from '@holdfast/postgres/rollout/instance-store.ts';
import {
  findRepository,
  insertRepository,
  listRepositories,
  type RepositoryRow,
  removeRepository,
} from '@holdfast/postgres/run/repository-store.ts';
import { recentDefinitions } from '@holdfast/postgres/run/run-store.ts';
import type { BlobStore } from '../../blob/blob-store.ts';
import { checkUrl } from '../../git/git.ts';
import type { Handlers } from '../bind.ts';
import { repositoryView, time } from './views.ts';

const INTENTS = { pause: 'pause', resume: 'work', drain: 'drain' } as const;

function stateOf(agent: AgentView) {
  if (agent.state !== 'online') return agent.state as 'suspect' | 'lost' | 'offline';
  return agent.intent === 'pause' ? 'paused' : agent.intent === 'drain' ? 'draining' : 'online';
}

/** Asked for a blob that nobody has: the answer no is a good one. */
async function storeAdvice(blobs: BlobStore): Promise<readonly Advice[]> {
  try {
    await blobs.has(`sha256:${'0'.repeat(64)}`);
    return [];
  } catch (error) {
    const sentence = `${(error as Error).message}; checkouts and publications wait, steps go on without checkpoints`;
    return [{ subject: 'blob store', sentence }];
  }
}

/** Asked to go, and nobody else could have what it serves. */
async function hostAdvice(database: Database): Promise<readonly Advice[]> {
  const { hosts, leaving } = await listHosts(database, []);
  const homeless = async ({ release_id: release }: InstanceRow) => {
    const labels = (await findRelease(database, release))?.config.target.hosts.labels ?? [];
    return !hosts.some((host) => hasLabels(host, labels));
  };
  const advice: Advice[] = [];
  for (const { id, name } of leaving.filter(({ state }) => state === 'online')) {
    const served = (await ordersFor(database, id)).filter(({ desired }) => desired === 'run');
    const count = (await Promise.all(served.map(homeless))).filter(Boolean).length;
    const sentence = `it was asked to go and stays, because no other host may have ${count} of its instances`;
    if (count > 0) advice.push({ subject: `agent ${name}`, sentence });
  }
  return advice;
}

interface Advice {
  readonly subject: string;
  readonly sentence: string;
}

export const installationHandlers: Handlers = {
  listAdvice: async ({ database, blobs, leasesStopped }) => {
    const unsaid = (await recentDefinitions(database)).flatMap(({ repository, definition }) => {
      const subject = `${repository} ${definition.path}`;
      const outward = outwardSteps(definition).map(
        ({ job, step, tool }) =>
          `step ${step} of job ${job} reaches outside (${tool}) and would run again when its agent is lost; say HOLDFAST_ON_LOST: ask under its env`,
      );
      const provisioning = provisioningSteps(definition).map(
        ({ job, step, tool }) =>
          `step ${step} of job ${job} changes its machine (${tool}), and steps after it may go on at another one; say HOLDFAST_ON_RESTORE: rerun under its env, or keep if they need nothing of it`,
      );
      return [...outward, ...provisioning].map((sentence) => ({ subject, sentence }));
    });
    const stopped = await leasesStopped();
    const disk =
      stopped === null ? [] : [{ subject: 'database', sentence: `no work is given out: ${stopped}` }];
    const shortAgents = (await listAgents(database)).flatMap(({ name, holdsBack }) =>
      holdsBack === null
        ? []
        : [{ subject: `agent ${name}`, sentence: `it takes nothing new: ${holdsBack}` }],
    );
    const parked = (await parkedDuties(database)).map(({ kind, id, parked: reason }) => ({
      subject: `${kind} ${id}`,
      sentence: `it failed again and again, and rests until a controller starts: ${reason}`,
    }));
    return {
      items: [
        ...disk,
        ...(await storeAdvice(blobs)),
        ...parked,
        ...shortAgents,
        ...(await hostAdvice(database)),
        ...unsaid,
      ],
      next: null,
    };
  },

  listRepositories: async ({ database }) => ({
    items: (await listRepositories(database)).map(repositoryView),
    next: null,
  }),

  addRepository: async ({ database, vault, hints, mirrors }, { body, id: made }) => {
    checkUrl(body.url);
    const id = body.id ?? made;
    const known = await findRepository(database, body.name);
    if (known?.id === id)
      return { ...repositoryView(known), webhookSecret: vault.open(`webhook ${id}`, known.webhook_secret) };
    // Looking at it first tells a wrong address at once, to the person who typed it.
    await mirrors.refs({ id, url: body.url });
    const webhookSecret = randomBytes(32).toString('base64url');
    await database
      .transaction(async (sql) => {
        await insertRepository(sql, {
          id,
          name: body.name,
          url: body.url,
          poll_seconds: body.pollSeconds,
          webhook_secret: vault.seal(`webhook ${id}`, webhookSecret),
        });
        await ensureDuty(sql, 'repository', id);
        await ensureDuty(sql, 'inbox', id);
      })
      .catch((error: unknown) => {
        throw isDuplicate(error)
          ? new HoldfastError('nameTaken', `there is a repository ${body.name} already`)
          : error;
      });
    hints.send('duty');
    return { ...repositoryView((await findRepository(database, id)) as RepositoryRow), webhookSecret };
  },

  removeRepository: async ({ database }, { params }) => {
    const gone = await removeRepository(database, params.name);
    if (!gone) throw new HoldfastError('repositoryUnknown', `there is no repository ${params.name}`);
    return { did: `repository ${params.name} is no longer watched` };
  },

  listAgents: async ({ database }) => ({
    items: (await listAgents(database)).map((agent) => ({
      id: agent.id,
      name: agent.name,
      state: stateOf(agent),
      labels: [...agent.labels],
      zone: agent.zone,
      slots: agent.slots,
      busy: agent.busy,
      host: agent.host,
      holdsBack: agent.holdsBack,
      lastSeenAt: time(new Date(Date.now() - agent.silenceMs)),
    })),
    next: null,
  }),

  pauseAgent: async ({ database, hints }, { params }) => {
    const agent = await findAgent(database, params.id);
    if (!agent) throw new HoldfastError('agentUnknown', `there is no agent ${params.id}`);
    await setAgentIntent(database, agent.id, INTENTS[params.verb]);
    hints.send('jobs');
    return { did: `agent ${agent.name}: ${params.verb}` };
  },
};
