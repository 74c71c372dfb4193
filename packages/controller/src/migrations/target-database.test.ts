import { expect, test } from 'vitest';
import { checkTarget } from './target-database.ts';

const own = 'postgres://holdfast@db1,db2:5432/holdfast';

test('an address that names host and database is taken', () => {
  checkTarget('postgres://shop:secret@db1:5432/shop', own);
  checkTarget('postgresql://shop@a,b/shop?sslmode=require', own);
});

test('sockets, files and services of the controller are not', () => {
  for (const url of [
    'postgres:///shop?host=/var/run/postgresql',
    'postgres://shop@%2Fvar%2Frun/shop',
    'postgres://shop@db/shop?host=/tmp',
    'postgres://shop@db/shop?sslkey=/etc/key',
    'postgres://shop@db/shop?%68ost=/var/run/postgresql',
    'postgres://shop@db/shop?ssl%63ert=/etc/passwd',
    'postgres://shop@db/hold%66ast',
  ])
    expect(() => checkTarget(url, own), url).toThrow('migrations.database names');
  expect(() => checkTarget('mysql://shop@db/shop', own)).toThrow('is no address');
});

test("nor is Holdfast's own database, and the address is never quoted", () => {
  for (const url of [
    'postgres://x:secret@db1/holdfast',
    'postgres://x:secret@other,db2:05432/holdfast',
    'postgres://x:secret@DB1./holdfast',
  ])
    expect(() => checkTarget(url, own)).toThrow(
      /^the secret that migrations.database names leads to Holdfast's own database$/,
    );
});
