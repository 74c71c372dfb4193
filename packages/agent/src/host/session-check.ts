import type { Order } from '@holdfast/contract/agent/protocol.ts';
import { httpOrigin } from '@holdfast/contract/origin.ts';
import { askProbe, request } from './readiness.ts';

/**
 * A user who is logged in while the traffic moves must stay so: log in on the stable release, go on here. Made until
 * it holds once, before the first traffic, and not at every look: it costs a login, and those that fail are counted
 * against their user somewhere. A stable release that lets nobody in proves nothing against its successor, which may
 * be the mending: after three tries the instance is ready all the same, and says so.
 */
const AGAIN_MS = 5_000;
const TRIES_TO_LOG_IN = 3;

export class SessionCheck {
  private settled = false;
  private failure: string | null = null;
  private loginsFailed = 0;
  private againAt = 0;

  /** Why the instance is not ready for it; null: it is. */
  async hindrance(port: number, order: Pick<Order, 'readiness' | 'peer'>): Promise<string | null> {
    if (!this.settled && performance.now() >= this.againAt) {
      await this.look(port, order);
      this.againAt = performance.now() + AGAIN_MS;
    }
    return this.settled ? null : this.failure;
  }

  /** Why it was let pass without having been made; null: it was made, or nobody asked for it. */
  get doubt(): string | null {
    return this.settled ? this.failure : null;
  }

  private async look(port: number, { readiness, peer }: Pick<Order, 'readiness' | 'peer'>): Promise<void> {
    const { session, timeoutMs } = readiness;
    if (!session || !peer) {
      this.settled = true;
      return;
    }
    const { path, method, headers, body, status } = session.login;
    const begun = await request(`${httpOrigin(peer)}${path}`, timeoutMs, {
      method,
      headers,
      ...(method === 'GET' ? {} : { body }),
    });
    if (typeof begun === 'string' || begun.status !== status) {
      const how =
        typeof begun === 'string' ? `failed: ${begun}` : `answered ${begun.status}, expected ${status}`;
      this.failure = `the session check could not be made: the login at ${path} of the stable release ${how}`;
      this.loginsFailed += 1;
      this.settled = this.loginsFailed >= TRIES_TO_LOG_IN;
      return;
    }
    const { next } = session;
    const broken = await askProbe(port, next, { timeoutMs, headers: { cookie: begun.cookies } });
    this.failure =
      broken && `a session that began on the stable release does not go on here: ${next.path} ${broken}`;
    this.settled = broken === null;
  }
}
