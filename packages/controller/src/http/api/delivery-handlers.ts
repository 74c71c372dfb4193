import { HoldfastError } from '@holdfast/contract/errors.ts';
import { findArtifact, listArtifacts } from '@holdfast/postgres/release/artifact-store.ts';
import { verifyArtifact } from '../../releases/verify-artifact.ts';
import type { Handlers } from '../bind.ts';
import { onePage } from './one-page.ts';
import { artifactView } from './views.ts';

export const deliveryHandlers: Handlers = {
  listArtifacts: async ({ database }, { query }) => {
    const rows = await listArtifacts(database, {
      limit: query.limit + 1,
      before: query.cursor ?? null,
      name: query.name ?? null,
    });
    const { shown, next } = onePage(rows, query.limit, ({ id }) => id);
    return { items: shown.map(artifactView), next };
  },

  verifyArtifact: async (services, { params }) => {
    const artifact = await findArtifact(services.database, params.name, params.digest);
    if (!artifact)
      throw new HoldfastError('artifactUnknown', `there is no artifact ${params.name}@${params.digest}`);
    try {
      await verifyArtifact(services, artifact);
      return {
        ok: true,
        sentence: 'the bytes have this digest, and the statement about it is signed by this installation',
      };
    } catch (error) {
      if (
        error instanceof HoldfastError &&
        (error.code === 'artifactTampered' || error.code === 'blobUnknown')
      )
        return { ok: false, sentence: error.message };
      throw error;
    }
  },
};
