import { createServer } from 'node:http';
import pg from 'pg';

/** Each request writes a row and reads it back, in the shape that this release knows. */
const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL, max: 5 });
const WRITE =
  'INSERT INTO customers (id, mail) VALUES ($1, $2) ON CONFLICT (id) DO UPDATE SET mail = excluded.mail';
const READ = 'SELECT id, mail FROM customers WHERE id = $1';

async function serve(request) {
  if (request.url === '/readyz') return pool.query('SELECT 1').then(() => 'ready');
  const id = Math.ceil(Math.random() * 500);
  await pool.query(WRITE, [id, `${id}.${Date.now()}@example.com`]);
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
