/** Times, digests and shares as people read them. */
export function ago(time: string | null, now = Date.now()): string {
  if (time === null) return '–';
  const seconds = Math.max(0, (now - Date.parse(time)) / 1000);
  if (seconds < 60) return `${Math.round(seconds)} s ago`;
  if (seconds < 3_600) return `${Math.round(seconds / 60)} min ago`;
  if (seconds < 86_400) return `${Math.round(seconds / 3_600)} h ago`;
  return `${Math.round(seconds / 86_400)} d ago`;
}

export function lasted(from: string | null, to: string | null, now = Date.now()): string {
  if (from === null) return '–';
  const seconds = ((to === null ? now : Date.parse(to)) - Date.parse(from)) / 1000;
  if (seconds < 60) return `${seconds.toFixed(1)} s`;
  return `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s`;
}

export function shortCommit(commit: string | null): string {
  return commit ? commit.slice(0, 8) : '–';
}

export function shortArtifact(artifact: string): string {
  return artifact.replace(/@sha256:([0-9a-f]{8}).*/, '@$1');
}

export function refName(ref: string): string {
  return ref.replace(/^refs\/(heads|tags)\//, '');
}

const STATE_WORDS: { readonly [state: string]: string } = {
  rollingBack: 'rolling back',
  rolledBack: 'rolled back',
  awaitingApproval: 'awaiting approval',
  notWorse: 'not worse',
  insufficientData: 'insufficient data',
};

export function stateWords(state: string): string {
  return STATE_WORDS[state] ?? state;
}

export type Tone = 'good' | 'bad' | 'busy' | 'warn' | 'calm';

export function toneOf(state: string): Tone {
  if (['succeeded', 'done', 'ready', 'rolledBack', 'serving', 'hot', 'notWorse', 'online'].includes(state))
    return 'good';
  if (['failed', 'aborted', 'aborting', 'lost', 'crashed', 'worse'].includes(state)) return 'bad';
  if (
    [
      'awaitingApproval',
      'held',
      'paused',
      'unready',
      'draining',
      'undecided',
      'insufficientData',
      'suspect',
    ].includes(state)
  )
    return 'warn';
  if (
    [
      'running',
      'starting',
      'shifting',
      'analysing',
      'expanding',
      'backfilling',
      'verifying',
      'contracting',
      'promoting',
      'soaking',
      'rollingBack',
      'leased',
      'ready ',
    ].includes(state)
  )
    return 'busy';
  return 'calm';
}
