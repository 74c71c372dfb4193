import { inAlterTable, type Rule } from '../rule.ts';

export const detachPartition: Rule = {
  name: 'detach-partition',
  severity: 'error',
  title: 'A partition is detached under a lock',
  why: 'Everybody who uses the parent waits. CONCURRENTLY (PostgreSQL 14 and later, no default partition) lets them work; the executor brings one that was killed halfway to its end.',
  bad: 'ALTER TABLE events DETACH PARTITION events_2020;',
  good: 'ALTER TABLE events DETACH PARTITION events_2020 CONCURRENTLY;',
  goodPhase: 'contract',
  find: (context) =>
    inAlterTable(context, 'AT_DetachPartition', ({ def }, table) => {
      const concurrent = def !== undefined && 'PartitionCmd' in def && def.PartitionCmd.concurrent === true;
      return concurrent
        ? null
        : { message: `${table} is locked against reads and writes; say CONCURRENTLY`, relation: table };
    }),
};
