import { stepSetting } from './loss.ts';
import type { StepDefinition, WorkflowDefinition } from './pipeline.ts';

/** Steps that do with a known tool what somebody should have thought about, and do not say that they did. */
export interface UnsaidStep {
  readonly job: string;
  /** From 1. */
  readonly step: number;
  readonly tool: string;
}

type Tools = readonly (readonly [tool: string, pattern: RegExp])[];

const OUTWARD: Tools = [
  ['npm publish', /\b(?:npm|pnpm|yarn)\s+publish\b/],
  ['twine upload', /\b(?:twine\s+upload|poetry\s+publish|uv\s+publish)\b/],
  ['cargo publish', /\bcargo\s+publish\b/],
  ['gem push', /\bgem\s+push\b/],
  ['docker push', /\b(?:docker|podman|buildah|skopeo|crane)\s+(?:image\s+)?(?:push|copy)\b/],
  ['kubectl apply', /\bkubectl\s+(?:apply|create|delete|patch|replace|rollout|set)\b/],
  ['helm upgrade', /\bhelm\s+(?:install|upgrade|uninstall|push)\b/],
  ['terraform apply', /\b(?:terraform|tofu|terragrunt|pulumi)\s+(?:apply|destroy|up)\b/],
  ['ansible-playbook', /\bansible-playbook\b/],
  ['git push', /\bgit\s+push\b/],
  ['gh release', /\bgh\s+(?:release|pr|issue|workflow)\s+(?:create|upload|edit|comment|merge|run)\b/],
  [
    'cloud CLI',
    /\b(?:aws|gcloud|az|flyctl|heroku|vercel|netlify|wrangler)\s+[\w-]*\s*[\w-]*(?:deploy|publish|create|update|put|sync|cp)\b/,
  ],
  ['ssh or rsync to another host', /\b(?:ssh|scp|rsync)\s[^\n|;]*[\w.-]+(?::|@)/],
  [
    'curl that sends',
    /\bcurl\b[^\n|;]*(?:-X\s*(?:POST|PUT|PATCH|DELETE)|--request|--data|-d\s|-F\s|--form|--upload-file|-T\s)/,
  ],
  ['mail', /\b(?:sendmail|mailx?|swaks)\s/],
];

const OF_THE_MACHINE: Tools = [
  [
    'package manager',
    /\b(?:apt-get|apt|dnf|yum|zypper)\s[^\n|;&]{0,200}\binstall\b|\bapk\s+(?:-\S+\s+)*add\b|\bpacman\s+-S|\bbrew\s+install\b/,
  ],
  [
    'npm install --global',
    /\b(?:npm|pnpm)\s+(?:i|install|add)\s(?:[^\n|;&]{0,200}\s)?(?:-g|--global)(?!\S)|\b(?:npm|pnpm)\s+(?:-g|--global)\s+(?:i|install|add)\b|\byarn\s+global\s+add\b/,
  ],
  [
    'containers or images',
    /\b(?:docker|podman|nerdctl)\s+(?:(?:image|container|buildx)\s+)?(?:build|pull|load|tag|network\s+create|volume\s+create|run\s(?:[^\n|;&]{0,200}\s)?(?:-[a-zA-Z]*d[a-zA-Z]*|--detach)(?=[\s=]))|\bdocker(?:-|\s+)compose\s(?:[^\n|;&]{0,200}\s)?up(?!\S)/,
  ],
  [
    'service of the machine',
    /\bsystemctl\s+(?:(?:re)?start\b|enable\s+--now\b)|\bservice\s+[\w.-]+\s+(?:re)?start\b/,
  ],
  [
    'settings of the machine',
    /\bsysctl\s+-w\b|\bmodprobe\s|\bupdate-(?:ca-certificates|alternatives)\b|\b(?:useradd|adduser|groupadd)\s/,
  ],
];

/** Publish, deploy or send. By default they run again when their agent is lost, and then some things happen twice. */
export function outwardSteps(workflow: WorkflowDefinition): readonly UnsaidStep[] {
  return unsaid(workflow, 'HOLDFAST_ON_LOST', OUTWARD);
}

/** Change the machine, and later steps of the job may need that: on another one it is not there. */
export function provisioningSteps(workflow: WorkflowDefinition): readonly UnsaidStep[] {
  const jobs = workflow.jobs.map((job) => ({ ...job, steps: job.steps.slice(0, -1) }));
  return unsaid({ ...workflow, jobs }, 'HOLDFAST_ON_RESTORE', OF_THE_MACHINE);
}

function unsaid({ jobs }: WorkflowDefinition, setting: string, tools: Tools): readonly UnsaidStep[] {
  return jobs.flatMap((job) =>
    job.steps.flatMap((step, index) => {
      const tool = stepSetting(step, setting) === null ? toolOf(step, tools) : null;
      return tool === null ? [] : [{ job: job.key, step: index + 1, tool }];
    }),
  );
}

function toolOf({ action }: StepDefinition, tools: Tools): string | null {
  if (action.kind !== 'run') return null;
  // A comment does nothing, and text with expressions in it is searched as it was written.
  const { script: told } = action;
  const script =
    typeof told === 'object' && told !== null && 'expression' in told ? told.expression : String(told);
  const lines = script.split('\n').filter((line) => !line.trim().startsWith('#'));
  const text = lines.join('\n');
  return tools.find(([, pattern]) => pattern.test(text))?.[0] ?? null;
}
