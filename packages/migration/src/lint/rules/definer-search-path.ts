import { stringsOf } from '../../sql/names.ts';
import { statementAs } from '../../sql/statement.ts';
import type { Rule } from '../rule.ts';

export const definerSearchPath: Rule = {
  name: 'definer-search-path',
  severity: 'warning',
  title: `A function with its owner's rights and its caller's search path`,
  why: `A SECURITY DEFINER function finds tables by the search path of whoever calls it: another schema in front, and it writes there with its owner's rights.`,
  bad: `CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS 'begin return new; end';`,
  good: `CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS 'begin return new; end';`,
  find: ({ statement }) => {
    const made = statementAs(statement, 'CreateFunctionStmt');
    const options = (made?.options ?? []).flatMap((node) => ('DefElem' in node ? [node.DefElem] : []));
    const definer = options.some(
      ({ defname, arg }) =>
        defname === 'security' && arg !== undefined && 'Boolean' in arg && arg.Boolean.boolval === true,
    );
    const path = JSON.stringify(options.filter(({ defname }) => defname === 'set')).includes('"search_path"');
    if (!definer || path) return null;
    return {
      message: `${stringsOf(made?.funcname).join('.')} finds tables by its caller's search path; add SET search_path`,
      relation: null,
    };
  },
};
