import { createServer } from 'node:http';
import pg from 'pg';

/** Each request writes a row and reads it back, in the shape that this release knows. */
const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL, max: 5 });
const WRITE =
  'INSERT INTO orders (id, cents) VALUES ($1, $2) ON CONFLICT (id) DO UPDATE SET cents = excluded.cents';
const READ = 'SELECT id, cents FROM orders WHERE id = $1';

async function serve(request) {
  if (request.url === '/readyz') return pool.query('SELECT 1').then(() => 'ready');
  const id = Math.ceil(Math.random() * 500);
  await pool.query(WRITE, [id, Math.floor(Math.random() * 10_000)]);
  const { rows } = await pool.query(READ, [id]);
  if (rows.length !== 1) throw new Error(`row ${id} is gone`);
  return `${process.env.VERSION} ${JSON.stringify(rows[0])}`;
}

const server = createServer((request, response) => {
  serve(request).then(
    (text) => response.end(text),
    (error) => response.writeHead(500).end(error.message),
  );
});
server.listen(Number(process.env.PORT ?? 3000), '127.0.0.1');
process.on('SIGTERM', () => server.close(() => process.exit(0)));
