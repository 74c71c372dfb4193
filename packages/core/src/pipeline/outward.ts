import { stepSetting } from './loss.ts';
import type { StepDefinition, WorkflowDefinition } from './pipeline.ts';

/**
 * Steps that publish, deploy or send with a known tool and do not say what should happen when their
 * agent is lost in the middle. By default they run again, and then some things happen twice.
 */
export interface OutwardStep {
  readonly job: string;
  /** From 1. */
  readonly step: number;
  readonly tool: string;
}

const TOOLS: readonly (readonly [tool: string, pattern: RegExp])[] = [
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

export function outwardSteps({ jobs }: WorkflowDefinition): readonly OutwardStep[] {
  return jobs.flatMap((job) =>
    job.steps.flatMap((step, index) => {
      const tool = stepSetting(step, 'HOLDFAST_ON_LOST') === null ? toolOf(step) : null;
      return tool === null ? [] : [{ job: job.key, step: index + 1, tool }];
    }),
  );
}

function toolOf({ action }: StepDefinition): string | null {
  if (action.kind !== 'run') return null;
  // A comment does nothing, and text with expressions in it is searched as it was written.
  const script = typeof action.script === 'string' ? action.script : JSON.stringify(action.script);
  const lines = script.split('\n').filter((line) => !line.trim().startsWith('#'));
  return TOOLS.find(([, pattern]) => pattern.test(lines.join('\n')))?.[0] ?? null;
}
