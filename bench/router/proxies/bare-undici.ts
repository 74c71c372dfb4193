import { fileURLToPath } from 'node:url';
import type { BenchProxy } from '../proxy.ts';

const PROGRAM = fileURLToPath(new URL('../../peers/bare-undici.ts', import.meta.url));

export const bareUndici: BenchProxy = {
  name: 'bare-undici',
  start: (workbench, { listen, upstream }) =>
    workbench.startNode({ name: 'bare-undici', path: PROGRAM, args: [String(listen), String(upstream)] }),
};
