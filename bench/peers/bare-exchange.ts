import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';
import pg from 'pg';

/**
 * The least that a step over HTTP can cost: a request that carries what a step's report does, one row
 * written for it, an answer. No token, no validation, no fence, no log. Told the database by argv,
 * says its address over IPC.
 */
const [url = ''] = process.argv.slice(2);
const client = new pg.Client({ connectionString: url });
await client.connect();
await client.query('CREATE TABLE IF NOT EXISTS exchanged (id bigint PRIMARY KEY, value text NOT NULL)');

const server = createServer(async (request, response) => {
  const { number, value } = (await json(request)) as { readonly number: number; readonly value: string };
  await client.query('INSERT INTO exchanged (id, value) VALUES ($1, $2)', [number, value]);
  response.setHeader('content-type', 'application/json');
  response.end(JSON.stringify({ number, outcome: 'accepted' }));
});
server.listen(0, '127.0.0.1');
await once(server, 'listening');
process.send?.({ address: `http://127.0.0.1:${(server.address() as AddressInfo).port}` });
process.on('disconnect', () => process.exit());
