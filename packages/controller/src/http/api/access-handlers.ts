import { randomBytes } from 'node:crypto';
import { HoldfastError } from '@holdfast/contract/errors.ts';
import {
  currentSecrets,
  insertSecret,
  listVariables,
  removeSecret,
  removeVariable,
  setVariable,
} from '@holdfast/postgres/access/secret-store.ts';
import { insertToken, listTokens, revokeToken } from '@holdfast/postgres/access/token-store.ts';
import { secretPurpose } from '../../vault/secret-references.ts';
import type { Handlers } from '../bind.ts';
import { hashToken } from '../caller.ts';
import { tokenView } from './views.ts';

export function newTokenText(): string {
  return `hf_${randomBytes(32).toString('base64url')}`;
}

export const accessHandlers: Handlers = {
  listTokens: async ({ database }) => ({ items: (await listTokens(database)).map(tokenView), next: null }),

  createToken: async ({ database }, { body, id }) => {
    const text = newTokenText();
    const row = await insertToken(database, {
      id: body.id ?? id,
      name: body.name,
      hash: hashToken(text),
      scopes: body.scopes,
    });
    return { ...tokenView(row), text };
  },

  revokeToken: async ({ database }, { params }) => {
    if (!(await revokeToken(database, params.id)))
      throw new HoldfastError('tokenUnknown', `there is no token ${params.id}`);
    return { did: `token ${params.id} is revoked` };
  },

  listSecrets: async ({ database }, { query }) => {
    const rows = await currentSecrets(database, query.repository ?? '');
    return {
      items: rows.map((row) => ({
        name: row.name,
        version: row.version,
        updatedAt: row.created_at.toISOString(),
      })),
      next: null,
    };
  },

  setSecret: async ({ database, vault }, { params, query, body }) => {
    const repository = query.repository ?? '';
    const version = await database.transaction((sql) =>
      insertSecret(sql, {
        repository,
        name: params.name,
        seal: (next) => vault.seal(secretPurpose(repository, params.name, next), body.value),
      }),
    );
    return { did: `secret ${params.name} is set, version ${version}` };
  },

  removeSecret: async ({ database }, { params, query }) => {
    if (!(await removeSecret(database, query.repository ?? '', params.name)))
      throw new HoldfastError('secretUnknown', `there is no secret ${params.name}`);
    return { did: `secret ${params.name} is removed` };
  },

  listVariables: async ({ database }, { query }) => ({
    items: [...(await listVariables(database, query.repository ?? ''))],
    next: null,
  }),

  setVariable: async ({ database }, { params, query, body }) => {
    await setVariable(database, { repository: query.repository ?? '', name: params.name, value: body.value });
    return { did: `variable ${params.name} is set` };
  },

  removeVariable: async ({ database }, { params, query }) => {
    const gone = await removeVariable(database, query.repository ?? '', params.name);
    return { did: gone ? `variable ${params.name} is removed` : `there was no variable ${params.name}` };
  },
};
