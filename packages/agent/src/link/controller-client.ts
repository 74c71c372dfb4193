import type { Readable } from 'node:stream';
import * as protocol from '@holdfast/contract/agent/protocol.ts';
import { errorOf } from '@holdfast/contract/api/client.ts';
import { Favourite } from '@holdfast/contract/api/favourite.ts';
import { HoldfastError } from '@holdfast/contract/errors.ts';
import type { Sign } from '@holdfast/core/pipeline/ports.ts';
import type { z } from 'zod';

/** The agent's calls, to whichever controller answers. */
export class ControllerClient {
  private readonly controllers: readonly string[];
  private readonly favourite: Favourite;
  private readonly token: string;

  constructor(controllers: readonly string[], token: string) {
    this.controllers = controllers;
    this.favourite = new Favourite(controllers);
    this.token = token;
  }

  hello(message: z.input<typeof protocol.hello>): Promise<protocol.HelloAnswer> {
    const timeoutMs = this.patienceMs();
    return this.json('/agent/v1/hello', { body: message, schema: protocol.helloAnswer, timeoutMs });
  }

  exchange(message: z.input<typeof protocol.exchange>, lostMs?: number): Promise<protocol.ExchangeAnswer> {
    const timeoutMs = this.patienceMs(lostMs);
    return this.json('/agent/v1/exchange', { body: message, schema: protocol.exchangeAnswer, timeoutMs });
  }

  /** Little, where there is another controller: one that hangs must not cost the leases. */
  private patienceMs(lostMs = 10_000): number {
    return this.controllers.length > 1 ? Math.max(1_000, Math.min(3_000, lostMs / 4)) : 10_000;
  }

  async offers(sign: Sign, signal: AbortSignal): Promise<void> {
    await this.call('/agent/v1/offers', { body: sign, timeoutMs: 30_000, signal });
  }

  async appendLog(chunk: protocol.LogAppend): Promise<void> {
    await this.call('/agent/v1/logs', { body: chunk });
  }

  async putBlob(bytes: () => Readable): Promise<string> {
    const answer = await this.send('/agent/v1/blobs', bytes);
    return ((await answer.json()) as { digest: string }).digest;
  }

  /** Which of these the store lacks; the others are kept for another day. */
  async missingBlobs(digests: readonly string[]): Promise<readonly string[]> {
    const answer = await this.json('/agent/v1/blobs/missing', {
      body: { digests },
      schema: protocol.missingAnswer,
    });
    return answer.missing;
  }

  /** The checkpoint and everything it is made of stay while its job may need them. */
  async keepCheckpoint(name: string, blobs: readonly string[]): Promise<void> {
    await this.call('/agent/v1/checkpoints', { body: { name, blobs } });
  }

  async publish(
    query: {
      readonly agentId: string;
      readonly jobId: string;
      readonly epoch: number;
      readonly name: string;
    },
    bytes: () => Readable,
  ): Promise<{ name: string; digest: string }> {
    const words = new URLSearchParams({ ...query, epoch: String(query.epoch) });
    const answer = await this.send(`/agent/v1/artifacts?${words}`, bytes);
    return protocol.publishAnswer.parse(await answer.json());
  }

  async getBlob(digest: string): Promise<ReadableStream<Uint8Array>> {
    const answer = await this.tryAll((controller) =>
      fetch(new URL(`/agent/v1/blobs/${digest}`, controller), {
        headers: this.headers(),
        signal: AbortSignal.timeout(600_000),
      }),
    );
    return answer.body as ReadableStream<Uint8Array>;
  }

  private async json<Schema extends z.ZodType>(
    path: string,
    {
      body,
      schema,
      timeoutMs,
    }: { readonly body: unknown; readonly schema: Schema; readonly timeoutMs?: number },
  ): Promise<z.output<Schema>> {
    return schema.parse(await (await this.call(path, { body, ...(timeoutMs ? { timeoutMs } : {}) })).json());
  }

  private call(
    path: string,
    {
      body,
      timeoutMs = 10_000,
      signal,
    }: { readonly body: unknown; readonly timeoutMs?: number; readonly signal?: AbortSignal },
  ): Promise<Response> {
    const text = JSON.stringify(body);
    return this.tryAll((controller) => {
      const limit = AbortSignal.timeout(timeoutMs);
      return fetch(new URL(path, controller), {
        method: 'POST',
        headers: { ...this.headers(), 'content-type': 'application/json' },
        body: text,
        signal: signal ? AbortSignal.any([limit, signal]) : limit,
      });
    });
  }

  private send(path: string, bytes: () => Readable): Promise<Response> {
    return this.tryAll((controller) =>
      fetch(new URL(path, controller), {
        method: 'PUT',
        headers: { ...this.headers(), 'content-type': 'application/octet-stream' },
        body: bytes() as unknown as RequestInit['body'],
        duplex: 'half',
        signal: AbortSignal.timeout(600_000),
      } as RequestInit),
    );
  }

  private headers(): Record<string, string> {
    return { authorization: `Bearer ${this.token}` };
  }

  /** One round over the controllers, beginning with the one that answered last. */
  private async tryAll(request: (controller: string) => Promise<Response>): Promise<Response> {
    let last: unknown;
    for (const controller of this.favourite.order) {
      try {
        const answer = await request(controller);
        if (answer.ok) return answer;
        const error = await errorOf(answer);
        if (error.kind !== 'unavailable') throw error;
        last = error;
      } catch (error) {
        if (error instanceof HoldfastError && error.kind !== 'unavailable') throw error;
        last = error;
      }
      this.favourite.failed(controller);
    }
    // A controller that answered knows better what is wrong (its disk is full, its database away).
    if (last instanceof HoldfastError) throw last;
    throw new HoldfastError(
      'controllerUnreachable',
      `no controller answers at ${this.controllers.join(', ')}`,
      { cause: last },
    );
  }
}
