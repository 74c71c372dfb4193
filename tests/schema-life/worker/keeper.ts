import type { Migration } from '@holdfast/core/migration/migration.ts';
import type { Loaded, Question, Saved } from './question.ts';

/** The state of the migration, as a controller reads and writes its own database. */
type Bare<Asked> = Asked extends Question ? Omit<Asked, 'number'> : never;

export class Keeper {
  private readonly waiting = new Map<number, (answer: Loaded | Saved) => void>();
  private asked = 0;

  constructor() {
    process.on('message', (answer: Loaded | Saved) => {
      this.waiting.get(answer.number)?.(answer);
      this.waiting.delete(answer.number);
    });
  }

  load(): Promise<Loaded> {
    return this.ask({ ask: 'load' }) as Promise<Loaded>;
  }

  save(revision: number, migration: Migration): Promise<Saved> {
    return this.ask({ ask: 'save', revision, migration }) as Promise<Saved>;
  }

  private ask(question: Bare<Question>): Promise<Loaded | Saved> {
    this.asked += 1;
    const { promise, resolve } = Promise.withResolvers<Loaded | Saved>();
    this.waiting.set(this.asked, resolve);
    process.send?.({ ...question, number: this.asked });
    return promise;
  }
}
