import type { EventView } from '@holdfast/contract/api/resources.ts';
import { HoldfastError } from '@holdfast/contract/errors.ts';
import { useCallback, useEffect, useRef, useState } from 'react';

/**
 * Data that keeps itself fresh: loaded at once, again when the server tells of an event that
 * concerns it, and every few seconds in case nothing was told.
 */
export interface Live<Value> {
  readonly value: Value | null;
  readonly error: HoldfastError | null;
  readonly reload: () => void;
}

const POLL_MS = 3_000;
const COALESCE_MS = 150;

export function useLive<Value>(
  load: () => Promise<Value>,
  concerns: (event: EventView) => boolean,
  key: string,
): Live<Value> {
  const [value, setValue] = useState<Value | null>(null);
  const [error, setError] = useState<HoldfastError | null>(null);
  const latest = useRef({ load, concerns });
  latest.current = { load, concerns };

  const reload = useCallback(() => {
    latest.current.load().then(
      (loaded) => {
        setValue(loaded);
        setError(null);
      },
      (failure: unknown) =>
        setError(failure instanceof HoldfastError ? failure : new HoldfastError('internal', String(failure))),
    );
  }, []);

  // biome-ignore lint/correctness/useExhaustiveDependencies: another key is another thing to load
  useEffect(() => {
    setValue(null);
    reload();
    let soon: ReturnType<typeof setTimeout> | undefined;
    const stop = onEvent((event) => {
      if (!latest.current.concerns(event)) return;
      soon ??= setTimeout(() => {
        soon = undefined;
        reload();
      }, COALESCE_MS);
    });
    const poll = setInterval(reload, POLL_MS);
    return () => {
      stop();
      clearInterval(poll);
      clearTimeout(soon);
    };
  }, [key, reload]);

  return { value, error, reload };
}

type Listener = (event: EventView) => void;
const listeners = new Set<Listener>();
let source: EventSource | null = null;

/** One connection for the whole page; EventSource comes back by itself, from where it stopped. */
function onEvent(listener: Listener): () => void {
  listeners.add(listener);
  source ??= openSource();
  return () => {
    listeners.delete(listener);
    if (listeners.size > 0) return;
    source?.close();
    source = null;
  };
}

function openSource(): EventSource {
  const opened = new EventSource('/api/v1/events');
  for (const topic of ['run', 'rollout', 'environment', 'agent', 'artifact', 'migration']) {
    opened.addEventListener(topic, (message) => {
      const event = JSON.parse((message as MessageEvent<string>).data) as EventView;
      for (const listener of listeners) listener(event);
    });
  }
  return opened;
}
