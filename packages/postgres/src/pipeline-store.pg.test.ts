import { pipelineContract } from '@holdfast/testkit/pipeline-contract.ts';
import { sqlWorld } from '@holdfast/testkit/sql-world.ts';
import { startTestServer, type TestServer } from '@holdfast/testkit/test-database.ts';
import { afterAll, beforeAll, describe } from 'vitest';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.stop());

describe('PostgreSQL keeps the contract of the pipeline', () => {
  pipelineContract(async (options) => sqlWorld(await server.database(), options));
});
