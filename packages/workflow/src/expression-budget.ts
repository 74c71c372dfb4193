import { data, wellKnownFunctions } from '@actions/expressions';
import type { FunctionDefinition } from '@actions/expressions/funcs/info';

/**
 * What one expression may make: a few hundred characters of nested `format` are enough for gigabytes, and controllers
 * evaluate what anybody pushes. GitHub's own limit is of the same size.
 */
const CHARACTERS_MOST = 10 * 1024 * 1024;
/** A parsed value takes about so many times its text. */
const PARSED = 8;
/** Deeper values take more than their text when they are printed with indentation. */
const DEPTH_MOST = 100;

export class TooMuch extends Error {
  override readonly name = 'TooMuch';
}

/** The functions that make something larger of what they are given, for one evaluation. */
export function budgetedFunctions(): FunctionDefinition[] {
  let left = CHARACTERS_MOST;
  /** The same output is often read for each of its members. */
  const parsed = new Set<string>();
  const spend = (characters: number) => {
    left -= characters;
    if (left < 0) throw new TooMuch(`it makes more than ${CHARACTERS_MOST} characters`);
  };
  const budgeted = (name: keyof typeof COSTS): FunctionDefinition => {
    const known = wellKnownFunctions[name] as FunctionDefinition;
    return {
      ...known,
      call: (...args) => {
        spend(COSTS[name](args, parsed));
        const made = known.call(...args);
        if (name === 'tojson') spend(made.coerceString().length);
        return made;
      },
    };
  };
  return (Object.keys(COSTS) as (keyof typeof COSTS)[]).map(budgeted);
}

/** Known before anything is made. What toJSON makes is a small multiple of a value that was paid for. */
const COSTS = {
  format: ([text, ...given]: data.ExpressionData[]) => {
    const pattern = textOf(text);
    const lengths = given.map((value) => value.coerceString().length);
    const places = [...pattern.matchAll(/\{(\d+)\}/g)];
    return places.reduce((sum, [, index]) => sum + (lengths[Number(index)] ?? 0), pattern.length);
  },
  join: ([items, separator]: data.ExpressionData[]) => {
    const between = separator === undefined ? 1 : textOf(separator).length;
    if (!(items instanceof data.Array)) return textOf(items).length;
    return items.values().reduce((sum, item) => sum + item.coerceString().length + between, 0);
  },
  fromjson: ([text]: data.ExpressionData[], parsed: Set<string>) => {
    const given = textOf(text);
    if (parsed.has(given)) return given.length;
    parsed.add(given);
    if (depthOf(given) > DEPTH_MOST) throw new TooMuch(`its JSON is nested more than ${DEPTH_MOST} deep`);
    return given.length * PARSED;
  },
  tojson: () => 0,
};

function textOf(value: data.ExpressionData | undefined): string {
  return value?.coerceString() ?? '';
}

/** Of brackets outside of texts. */
function depthOf(json: string): number {
  let [depth, deepest] = [0, 0];
  let inText = false;
  for (let index = 0; index < json.length; index += 1) {
    const character = json[index];
    if (character === '\\') index += 1;
    else if (character === '"') inText = !inText;
    else if (inText) continue;
    else if (character === '[' || character === '{') depth += 1;
    else if (character === ']' || character === '}') depth -= 1;
    deepest = Math.max(deepest, depth);
  }
  return deepest;
}
