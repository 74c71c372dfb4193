import type { EnvironmentConfig } from '@holdfast/contract/config/holdfast-yaml.ts';
import type { Stickiness } from '@holdfast/core/traffic/traffic.ts';

export function stickinessOf({ traffic }: Pick<EnvironmentConfig, 'traffic'>): Stickiness {
  if (traffic.sticky === 'none' || traffic.sticky === 'cookie') return { kind: traffic.sticky };
  return { kind: 'header', name: traffic.sticky.replace(/^header:/, '') };
}
