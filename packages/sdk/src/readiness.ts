/** What a check may be: it resolves when the dependency answers, and throws or rejects when it does not. */
export type Check = () => unknown;

/** The JSON that `/readyz` answers; Holdfast checks every part of it. */
export interface ReadinessReport {
  /** The digest of the release this process was started as; absent outside Holdfast. */
  readonly release?: string;
  readonly ready: boolean;
  readonly checks: { readonly [name: string]: 'ok' | 'warm' | 'cold' | 'failed' | 'timeout' };
  readonly schemaVersion?: string | number;
}

export interface ReadinessOptions {
  readonly checks?: { readonly [name: string]: Check };
  /** Fills caches; until it has resolved, the process is not ready. */
  readonly warmUp?: () => unknown;
  /** The schema that the database really has, not the one this code would like. */
  readonly schemaVersion?: () => string | number | Promise<string | number>;
  /** Longest wait for one check. Default 800 ms, within Holdfast's default timeout of a second. */
  readonly checkTimeoutMs?: number;
  /** Told what failed and why; the report names only the check, since errors may carry secrets. */
  readonly onFailure?: (name: string, error: unknown) => void;
}

type State = ReadinessReport['checks'][string];
const CHECK_TIMEOUT_MS = 800;

/** Asks everything this process depends on. Several questions at once are one round of asking. */
export class Readiness {
  private readonly options: ReadinessOptions;
  private readonly release: string | undefined;
  private warm: 'cold' | 'warm' | 'failed';
  private asking: Promise<ReadinessReport> | undefined;
  draining = false;

  constructor(options: ReadinessOptions, release: string | undefined) {
    this.options = options;
    this.release = release;
    this.warm = options.warmUp ? 'cold' : 'warm';
    if (options.warmUp) void this.warmUp(options.warmUp);
  }

  report(): Promise<ReadinessReport> {
    this.asking ??= this.ask().finally(() => {
      this.asking = undefined;
    });
    return this.asking;
  }

  private async ask(): Promise<ReadinessReport> {
    const { checks = {}, schemaVersion } = this.options;
    const entries = await Promise.all(
      Object.entries(checks).map(async ([name, check]) => [name, await this.state(name, check)] as const),
    );
    const states: Record<string, State> = Object.fromEntries(entries);
    if (this.options.warmUp) states.warmUp = this.warm;
    let version: string | number | undefined;
    if (schemaVersion) {
      states.schema = await this.state('schema', async () => {
        version = await schemaVersion();
      });
    }
    const good = Object.values(states).every((state) => state === 'ok' || state === 'warm');
    return {
      ...(this.release === undefined ? {} : { release: this.release }),
      ready: good && !this.draining,
      checks: states,
      ...(version === undefined ? {} : { schemaVersion: version }),
    };
  }

  private async state(name: string, check: Check): Promise<State> {
    const late = Symbol('late');
    let timer: NodeJS.Timeout | undefined;
    const timeout = new Promise<typeof late>((done) => {
      timer = setTimeout(done, this.options.checkTimeoutMs ?? CHECK_TIMEOUT_MS, late);
    });
    try {
      return (await Promise.race([Promise.resolve().then(check), timeout])) === late ? 'timeout' : 'ok';
    } catch (error) {
      this.options.onFailure?.(name, error);
      return 'failed';
    } finally {
      clearTimeout(timer);
    }
  }

  private async warmUp(warmUp: () => unknown): Promise<void> {
    try {
      await warmUp();
      this.warm = 'warm';
    } catch (error) {
      this.warm = 'failed';
      this.options.onFailure?.('warmUp', error);
    }
  }
}
