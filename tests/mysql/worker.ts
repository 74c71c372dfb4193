import { Copies } from '@holdfast/migration/mysql/run-copy.ts';
import { changeOf, look } from './work.ts';

/** A controller's part of the work in a process of its own, to be killed: looks until the phase is done. */
const { place, files, folder, fence } = JSON.parse(process.argv[2] ?? '{}');
const working = { place, source: changeOf(files), copies: new Copies(), folder };
for (;;) {
  const outcome = await look(working, 'expand', { fence, nice: 4 });
  process.send?.(outcome);
  if (outcome.kind === 'done' || outcome.kind === 'failed') break;
}
process.exit(0);
