import type { Client } from '@holdfast/contract/api/client.ts';
import type { Command } from 'commander';
import { connect, globals, readCredentials } from '../connection.ts';
import { ExitWith } from '../terminal/exit-with.ts';
import { paint, printJson, say } from '../terminal/output.ts';

/** One finding: what was looked at, whether it is as it should be, and what to do. */
interface Finding {
  readonly subject: string;
  readonly level: 'ok' | 'weak' | 'broken';
  readonly sentence: string;
}

export function addDoctor(program: Command): void {
  program
    .command('doctor')
    .description('what is missing, weak or misconfigured, and the fix')
    .action(async (_options: unknown, command: Command) => {
      const findings = await examine(command);
      if (globals(command).json) printJson(findings);
      else
        for (const finding of findings) say(`${sign(finding.level)} ${finding.subject}: ${finding.sentence}`);
      if (findings.some((finding) => finding.level === 'broken')) throw new ExitWith(1);
    });
}

/** Without any controller there is nothing more to ask, and that is the finding. */
async function examine(command: Command): Promise<readonly Finding[]> {
  const controllers = await checkControllers(readCredentials(command).controllers);
  if (controllers.every((finding) => finding.level === 'broken')) return controllers;
  return [...controllers, ...(await checkInstallation(connect(command)))];
}

function sign(level: Finding['level']): string {
  if (level === 'ok') return paint('green', 'ok    ');
  return level === 'weak' ? paint('yellow', 'weak  ') : paint('red', 'broken');
}

function checkControllers(controllers: readonly string[]): Promise<Finding[]> {
  return Promise.all(
    controllers.map(async (address): Promise<Finding> => {
      const answer = await fetch(new URL('/readyz', address), { signal: AbortSignal.timeout(3_000) }).catch(
        () => null,
      );
      if (answer?.ok) return { subject: address, level: 'ok', sentence: 'ready' };
      return {
        subject: address,
        level: 'broken',
        sentence: answer ? `not ready: ${await answer.text()}` : 'does not answer; start it with holdfast up',
      };
    }),
  );
}

async function checkInstallation(client: Client): Promise<Finding[]> {
  const [agents, repositories, environments, advice] = await Promise.all([
    client('listAgents'),
    client('listRepositories'),
    client('listEnvironments'),
    client('listAdvice'),
  ]);
  const online = agents.items.filter((agent) => agent.state === 'online');
  const findings: Finding[] = [
    online.length > 0
      ? { subject: 'agents', level: 'ok', sentence: `${online.length} online` }
      : { subject: 'agents', level: 'broken', sentence: 'none is online; start one with holdfast agent' },
    online.some((agent) => agent.host)
      ? { subject: 'hosts', level: 'ok', sentence: 'releases can run' }
      : {
          subject: 'hosts',
          level: 'weak',
          sentence: 'no online agent has the host role; start one with --host',
        },
  ];
  for (const item of advice.items) findings.push({ ...item, level: 'weak' });
  for (const item of repositories.items)
    if (item.problem)
      findings.push({ subject: `repository ${item.name}`, level: 'broken', sentence: item.problem });
  for (const item of environments.items) {
    if (item.readiness === 'shallow')
      findings.push({
        subject: item.name,
        level: 'weak',
        sentence:
          'readiness is shallow: it answers 200 without naming its release; answer with a readiness report, or add readiness.probes',
      });
    const doubtful = item.instances.find(({ state, reason }) => state === 'ready' && reason !== null);
    if (doubtful?.reason) findings.push({ subject: item.name, level: 'weak', sentence: doubtful.reason });
    if (item.routers.length === 0)
      findings.push({
        subject: item.name,
        level: 'broken',
        sentence: 'no router serves it; set traffic.listen, or start holdfast router',
      });
    for (const router of item.routers)
      if (router.mute > 0)
        findings.push({
          subject: item.name,
          level: 'broken',
          sentence: `${router.mute} router workers are mute`,
        });
  }
  return findings;
}
