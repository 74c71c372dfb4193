import type { Rule } from '../rule.ts';

export const indexCorruption: Rule = {
  name: 'index-corruption',
  severity: 'error',
  title: 'CONCURRENTLY on a server that builds broken indexes',
  why: 'PostgreSQL 14.0 to 14.3 can leave rows out of an index that is built CONCURRENTLY. Upgrade to 14.4 or later first.',
  bad: 'CREATE INDEX CONCURRENTLY orders_email ON orders (email);',
  good: 'ALTER TABLE orders ADD COLUMN email text;',
  find: ({ statement, effects, catalog }) => {
    const builds = statement.kind === 'IndexStmt' || statement.kind === 'ReindexStmt';
    const { serverVersionNumber: version } = catalog;
    if (!builds || !effects.outside || !catalog.live || version < 140_000 || version >= 140_004) return null;
    return {
      message: `PostgreSQL 14.${version % 100} can leave rows out of this index; upgrade to 14.4 or later`,
      relation: effects.on[0]?.relation ?? null,
    };
  },
};
