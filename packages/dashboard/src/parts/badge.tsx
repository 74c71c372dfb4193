import { stateWords, toneOf } from '../data/words.ts';

export function Badge({ state }: { readonly state: string }) {
  return <span className={`badge ${toneOf(state)}`}>{stateWords(state)}</span>;
}
