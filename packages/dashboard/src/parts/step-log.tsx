import type { StepView } from '@holdfast/contract/api/resources.ts';
import { useEffect, useRef, useState } from 'react';
import { client } from '../data/client.ts';

/** A log from its first byte, growing while the step runs; follows the end until one scrolls up. */
const POLL_MS = 500;
const SHOWN_CHARACTERS = 400_000;

export function StepLog({
  runId,
  jobId,
  step,
}: {
  readonly runId: string;
  readonly jobId: string;
  readonly step: StepView;
}) {
  const [text, setText] = useState('');
  const box = useRef<HTMLPreElement>(null);
  const following = useRef(true);
  useEffect(() => {
    let stopped = false;
    const read = async (offset: number): Promise<void> => {
      if (stopped) return;
      const part = await client('readLog', {
        params: { id: runId, job: jobId, step: step.index },
        query: { offset },
      }).catch(() => null);
      if (stopped) return;
      if (part?.text) setText((known) => (known + part.text).slice(-SHOWN_CHARACTERS));
      if (part?.ended) return;
      if (!part?.text) await new Promise((done) => setTimeout(done, POLL_MS));
      return read(part?.next ?? offset);
    };
    void read(0);
    return () => {
      stopped = true;
    };
  }, [runId, jobId, step.index]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: the text's growth is what it reacts to
  useEffect(() => {
    if (following.current && box.current) box.current.scrollTop = box.current.scrollHeight;
  }, [text]);
  return (
    <pre
      ref={box}
      className="log"
      onScroll={(event) => {
        const { scrollTop, scrollHeight, clientHeight } = event.currentTarget;
        following.current = scrollHeight - scrollTop - clientHeight < 24;
      }}
    >
      {text || (step.state === 'running' ? 'Nothing written yet.' : 'No output.')}
    </pre>
  );
}
