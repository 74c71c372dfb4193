import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { BenchProxy } from '../proxy.ts';

export const nginx: BenchProxy = {
  name: 'nginx',
  start: (workbench, { listen, upstream }) => {
    const prefix = join(workbench.folder, 'nginx');
    mkdirSync(prefix, { recursive: true });
    const file = join(prefix, 'nginx.conf');
    const user = process.getuid?.() === 0 ? 'user root;\n' : '';
    const folders = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
      .map((name) => `  ${name}_temp_path ${prefix}/${name};`)
      .join('\n');
    writeFileSync(
      file,
      `${user}worker_processes 1;
daemon off;
pid ${prefix}/nginx.pid;
error_log stderr warn;
events { worker_connections 1024; }
http {
${folders}
  access_log off;
  keepalive_requests 1000000000;
  upstream app { server 127.0.0.1:${upstream}; keepalive 128; keepalive_requests 1000000000; }
  server {
    listen 127.0.0.1:${listen};
    location / {
      proxy_pass http://app;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
    }
  }
}
`,
    );
    return workbench.start({ name: 'nginx', command: 'nginx', args: ['-p', prefix, '-c', file] });
  },
};
