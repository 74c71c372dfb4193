import type pg from 'pg';

const SESSION = `DISCARD ALL; SET client_min_messages = error; SET lock_timeout = '20s'; SET statement_timeout = '30s';
SET search_path = oracle, public`;

/** Everything that a case may leave behind. Schemas hold the rest. */
const EMPTY = `DROP SCHEMA IF EXISTS oracle CASCADE; DROP SCHEMA IF EXISTS elsewhere CASCADE;
DROP PUBLICATION IF EXISTS news; DROP FOREIGN DATA WRAPPER IF EXISTS abroad CASCADE;
CREATE SCHEMA oracle;`;

/** Without autovacuum the catalog's own tables grow with every case, and each case gets slower. */
const CASES_A_VACUUM = 40;

/** The tables of a case, in the one schema that its statement sees. */
export class Scene {
  private readonly client: pg.Client;
  private standing: string | null = null;
  private made = 0;

  constructor(client: pg.Client) {
    this.client = client;
  }

  /** Those of the case before serve if they are the same: it was rolled back. */
  async find(setup: string): Promise<void> {
    if (this.standing === setup) return this.newSession();
    await this.make(setup);
    this.standing = /^SET /m.test(setup) ? null : setup;
  }

  /** Made anew, and not kept for the next case: whoever asks for this commits. */
  async make(setup: string): Promise<void> {
    this.standing = null;
    await this.newSession();
    await this.client.query(EMPTY);
    if (this.made % CASES_A_VACUUM === CASES_A_VACUUM - 1) await this.client.query('VACUUM');
    this.made += 1;
    await this.client.query(setup);
  }

  /** DISCARD ALL does not run beside other statements: each goes by itself. */
  private async newSession(): Promise<void> {
    for (const statement of SESSION.split(';')) await this.client.query(statement);
  }
}
