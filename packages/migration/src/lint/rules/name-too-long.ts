import type { Rule } from '../rule.ts';

export const nameTooLong: Rule = {
  name: 'name-too-long',
  severity: 'warning',
  title: 'A name that PostgreSQL will cut',
  why: 'Names longer than 63 bytes are cut without an error, and two of them may become one.',
  bad: 'ALTER TABLE orders ADD COLUMN a_name_that_goes_on_and_on_and_on_until_it_is_longer_than_sixty_three_bytes text;',
  good: 'ALTER TABLE orders ADD COLUMN a_short_name text;',
  find: ({ statement }) => {
    const found = /"([^"]{64,})"|\b([A-Za-z_]\w{63,})\b/.exec(statement.text);
    const long = found?.[1] ?? found?.[2];
    return long ? { message: `${long} is cut to ${long.slice(0, 63)}`, relation: null } : null;
  },
};
