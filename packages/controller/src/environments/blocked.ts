import type { EnvironmentConfig } from '@holdfast/contract/config/holdfast-yaml.ts';
import { isOpen } from '@holdfast/contract/config/window.ts';
import type { EnvironmentRow } from '@holdfast/postgres/rollout/environment-store.ts';

/** Why no rollout may start now, as a sentence; null: it may. Rollbacks do not ask. */
export function blockedBy(
  environment: Pick<EnvironmentRow, 'frozen_until' | 'frozen_why'>,
  config: Pick<EnvironmentConfig, 'windows'>,
  now: Date,
): string | null {
  const { frozen_until: until, frozen_why: why } = environment;
  if (until !== null && until > now)
    return `frozen until ${until.toISOString().replace('.000Z', 'Z')}: ${why ?? 'no reason given'}`;
  const allow = config.windows?.allow ?? [];
  if (allow.length === 0 || allow.some((window) => isOpen(window, now))) return null;
  return `outside the allowed windows: ${allow.map((window) => window.text).join(', ')}`;
}
