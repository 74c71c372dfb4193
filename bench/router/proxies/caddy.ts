import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { BenchProxy } from '../proxy.ts';

export const caddy: BenchProxy = {
  name: 'caddy',
  start: (workbench, { listen, upstream }) => {
    const file = join(workbench.folder, 'Caddyfile');
    writeFileSync(
      file,
      `{
  admin off
  auto_https off
}
http://127.0.0.1:${listen} {
  reverse_proxy 127.0.0.1:${upstream} {
    transport http {
      keepalive_idle_conns_per_host 256
    }
  }
}
`,
    );
    const env = {
      GOMAXPROCS: '1',
      HOME: workbench.folder,
      XDG_DATA_HOME: workbench.folder,
      XDG_CONFIG_HOME: workbench.folder,
    };
    return workbench.start({
      name: 'caddy',
      command: 'caddy',
      args: ['run', '--adapter', 'caddyfile', '--config', file],
      env,
    });
  },
};
