import type { Rule } from '../rule.ts';

export const severalLocks: Rule = {
  name: 'several-locks',
  severity: 'warning',
  title: 'One statement locks several tables in use',
  why: 'It waits for all of them and holds the first while it waits for the next: whoever locks them the other way round makes a deadlock. One at a time, each is tried again on its own.',
  bad: 'DROP TABLE carts, baskets;',
  good: 'DROP TABLE carts;',
  goodPhase: 'contract',
  find: ({ effects }) => {
    const strong = effects.on
      .filter(({ lock: mode }) => mode === 'ACCESS EXCLUSIVE')
      .map(({ relation }) => relation);
    return strong.length > 1
      ? { message: `${strong.join(' and ')} are locked together`, relation: strong[0] ?? null }
      : null;
  },
};
