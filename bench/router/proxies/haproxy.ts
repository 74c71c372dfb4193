import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { BenchProxy } from '../proxy.ts';

export const haproxy: BenchProxy = {
  name: 'haproxy',
  start: (workbench, { listen, upstream }) => {
    const file = join(workbench.folder, 'haproxy.cfg');
    writeFileSync(
      file,
      `global
  nbthread 1
defaults
  mode http
  timeout client 60s
  timeout server 60s
  timeout connect 2s
  option forwardfor
  http-reuse always
frontend in
  bind 127.0.0.1:${listen}
  default_backend app
backend app
  server one 127.0.0.1:${upstream}
`,
    );
    return workbench.start({ name: 'haproxy', command: 'haproxy', args: ['-db', '-f', file] });
  },
};
