import { existsSync } from 'node:fs';
import { open, readFile } from 'node:fs/promises';
import { systemCode } from '@holdfast/contract/errors.ts';
import { newId } from '@holdfast/contract/id.ts';
import { insertToken } from '@holdfast/postgres/access/token-store.ts';
import type { Database } from '@holdfast/postgres/database.ts';
import { newTokenText } from './http/api/access-handlers.ts';
import { hashToken } from './http/caller.ts';

/**
 * The first administrator's token: the file is written and synced before its hash is inserted, so
 * that a crash in between leaves a token that the next start makes valid, and locks nobody out.
 */
export async function ensureAdminToken(database: Database, file: string): Promise<void> {
  if (!existsSync(file)) await writeToken(file);
  const text = (await readFile(file, 'utf8')).trim();
  await insertToken(database, { id: newId(), name: 'admin', hash: hashToken(text), scopes: ['admin'] });
}

async function writeToken(file: string): Promise<void> {
  try {
    const handle = await open(file, 'wx', 0o600);
    await handle.writeFile(`${newTokenText()}\n`);
    await handle.sync();
    await handle.close();
  } catch (error) {
    // Another replica was faster: its token is the token.
    if (systemCode(error) !== 'EEXIST') throw error;
  }
}
