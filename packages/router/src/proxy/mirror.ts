import type { IncomingMessage } from 'node:http';
import { WHOLE } from '@holdfast/core/traffic/traffic.ts';
import type { Dispatcher } from 'undici';
import type { Counter } from './counter.ts';
import { isMalformed } from './forward.ts';
import { forwardedHeaders } from './headers.ts';
import type { RoutingTable } from './routing-table.ts';

/**
 * Copies of stable's GET and HEAD requests for the candidate. The user's answer never waits for
 * one; what the candidate says is counted for the judge and thrown away. A busy candidate gets no
 * copies rather than a queue of them.
 */
export interface MirrorOptions {
  readonly table: RoutingTable;
  readonly counter: Counter;
  readonly now: () => number;
  readonly random: () => number;
}

const MOST_IN_FLIGHT = 50;
/** A stream has no end of its own. */
const LONGEST_MS = 5_000;
const SAFE = new Set(['GET', 'HEAD']);

export class Mirror {
  private readonly options: MirrorOptions;

  constructor(options: MirrorOptions) {
    this.options = options;
  }

  offer(request: IncomingMessage, bucket: number | null): void {
    const { table, counter, now, random } = this.options;
    const share = table.current?.access.mirror ?? 0;
    if (share === 0 || !SAFE.has(request.method ?? '') || random() * WHOLE >= share) return;
    const claim = table.claimMirror(MOST_IN_FLIGHT, now());
    if (!claim) return;
    const startedAt = now();
    let status = 0;
    let firstByteMs = 0;
    let late: NodeJS.Timeout | undefined;
    const end = (answered: boolean, counts = true) => {
      clearTimeout(late);
      claim.instance.end();
      if (!counts) return;
      const failed = !answered || status >= 500;
      counter.count(claim.group, { failed, ms: answered ? firstByteMs : now() - startedAt, bucket });
    };
    claim.instance.connections(true).dispatch(
      {
        method: request.method as Dispatcher.HttpMethod,
        path: request.url ?? '/',
        headers: [...forwardedHeaders(request), 'x-holdfast-mirror', '1'],
        body: null,
      },
      {
        onRequestStart: (controller) => {
          late = setTimeout(() => controller.abort(new Error('a copy took too long')), LONGEST_MS);
        },
        onResponseStart: (_controller, code) => {
          if (code < 200) return;
          status = code;
          firstByteMs = now() - startedAt;
        },
        onResponseData: () => {},
        onResponseEnd: () => end(true),
        // An answer that had begun and was cut for its length says nothing against the candidate,
        // nor does a request that cannot be passed on.
        onResponseError: (_controller, error) => end(status > 0, !isMalformed(error)),
      },
    );
  }
}
