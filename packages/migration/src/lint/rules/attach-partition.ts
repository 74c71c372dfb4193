import { inAlterTable, type Rule } from '../rule.ts';

export const attachPartition: Rule = {
  name: 'attach-partition',
  severity: 'error',
  title: 'A partition is attached that has to be read for it',
  why: 'The new partition, and the default one, are read while they are locked. A valid CHECK that implies the bounds makes it a moment.',
  bad: `ALTER TABLE events ATTACH PARTITION events_2027 FOR VALUES FROM ('2027-01-01') TO ('2028-01-01');`,
  good: `ALTER TABLE events_2027 ADD CONSTRAINT in_2027 CHECK (at >= '2027-01-01' AND at < '2028-01-01') NOT VALID;`,
  find: (context) =>
    inAlterTable(context, 'AT_AttachPartition', (_, table) => {
      const read = context.effects.on.find(({ scan }) => scan)?.relation;
      if (read === undefined) return null;
      return {
        message: `${read} is read under a lock to attach it to ${table}; add a CHECK with the bounds NOT VALID and validate it first`,
        relation: read,
      };
    }),
};
