import { setTimeout as sleep } from 'node:timers/promises';
import type { Random } from '../../chaos/random.ts';
import { fits, type Shape, type Side, type Value } from '../changes/change.ts';
import type { Connection } from './connection.ts';
import { firstFresh, rowsOf, sharedRows, writerNumber } from './partition.ts';
import { type Statements, statementsOf } from './statements.ts';

/** Writes its own rows one after the other, remembers what was acknowledged, and reads it again. */
const THINK_MS = [4, 12] as const;

interface Known {
  /** null: deleted. */
  readonly token: number | null;
  readonly by: Side;
}

interface Parts {
  readonly shape: Shape;
  readonly side: Side;
  readonly place: number;
  readonly random: Random;
  readonly connection: Connection;
}

export class Writer {
  readonly number: number;
  private readonly parts: Parts;
  private readonly statements: Statements;
  private readonly own: number[];
  private readonly shared: readonly number[];
  private readonly known = new Map<number, Known>();
  private readonly fresh = new Map<number, number | null>();
  private made = 0;

  constructor(parts: Parts) {
    this.parts = parts;
    this.number = writerNumber(parts.side, parts.place);
    this.statements = statementsOf(parts.shape);
    this.own = rowsOf(this.number);
    this.shared = parts.place === 0 ? sharedRows() : [];
  }

  async perform(goesOn: () => boolean): Promise<void> {
    while (goesOn()) {
      await this.step();
      await sleep(this.parts.random.between(...THINK_MS));
    }
  }

  /** What was acknowledged since the last time. */
  takeWritten(): readonly (readonly [number, number | null])[] {
    const written = [...this.fresh];
    this.fresh.clear();
    return written;
  }

  private async step(): Promise<void> {
    const { random } = this.parts;
    const draw = random.next();
    if (this.shared.length > 0 && draw < 0.15) return this.update([random.pick(this.shared)]);
    if (draw < 0.28) return this.insert(this.newId());
    const id = random.pick(this.own);
    if (this.knownOf(id).token === null) return this.insert(id);
    if (draw < 0.38) return this.remove(id);
    if (draw < 0.45) return this.update([id, random.pick(this.own)]);
    return draw < 0.7 ? this.update([id]) : this.read(id);
  }

  /** Two rows in a transaction go against the order in which a backfill takes them. */
  private async update(ids: readonly number[]): Promise<void> {
    const targets = [...new Set(ids)]
      .filter((id) => this.knownOf(id).token !== null)
      .sort((a, b) => b - a)
      .map((id) => ({ id, token: this.nextToken() }));
    const { writes } = this.parts.shape;
    const done = await this.parts.connection.perform(async (ask) => {
      if (targets.length > 1) await ask('BEGIN');
      const counts: (number | null)[] = [];
      for (const { id, token } of targets)
        counts.push((await ask(this.statements.update, [id, ...writes(token)])).rowCount);
      if (targets.length > 1) await ask('COMMIT');
      return counts;
    });
    for (const [place, count] of (done ?? []).entries()) {
      const target = targets[place] as (typeof targets)[number];
      if (count === 1) this.remember(target.id, target.token);
      else this.parts.connection.note('differ', `row ${target.id} is gone`);
    }
  }

  private async insert(id: number): Promise<void> {
    const token = this.nextToken();
    const { shape, connection } = this.parts;
    const done = await connection.perform(async (ask) => {
      await ask(this.statements.upsert, [id, ...shape.writes(token)]);
      return true;
    });
    if (!done) return;
    this.remember(id, token);
    if (shape.also) await connection.perform((ask) => ask(shape.also as string, [id]));
  }

  private async remove(id: number): Promise<void> {
    const done = await this.parts.connection.perform((ask) => ask(this.statements.remove, [id]));
    if (done) this.remember(id, null);
  }

  private async read(id: number): Promise<void> {
    const { token, by } = this.knownOf(id);
    const found = await this.parts.connection.perform((ask) => ask(this.statements.read, [id]));
    if (found === null || token === null) return;
    const shown = this.parts.shape.shows(token, by);
    const values = found.rows[0] as Value[] | undefined;
    if (values && shown.every((one, place) => fits(one, values[place]))) return;
    this.parts.connection.note('differ', `row ${id} reads ${JSON.stringify(values)}, not ${text(shown)}`);
  }

  private remember(id: number, token: number | null): void {
    this.known.set(id, { token, by: this.parts.side });
    this.fresh.set(id, token);
  }

  private knownOf(id: number): Known {
    return this.known.get(id) ?? { token: id, by: 'old' };
  }

  private newId(): number {
    const id = firstFresh(this.number) + this.own.length;
    this.known.set(id, { token: null, by: this.parts.side });
    this.own.push(id);
    return id;
  }

  private nextToken(): number {
    this.made += 1;
    return firstFresh(this.number) + this.made;
  }
}

function text(shown: readonly unknown[]): string {
  return JSON.stringify(shown, (_, value) => (typeof value === 'symbol' ? 'anything' : value));
}
