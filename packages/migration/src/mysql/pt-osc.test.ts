import { expect, test } from 'vitest';
import { readMysqlUrl } from './mysql-session.ts';
import { newsIn } from './pt-osc.ts';

test('how far the copy is comes from the lines that the tool prints', () => {
  const lines = [
    'Altering `app`.`t`...',
    '2026-11-21T22:34:39 Copying approximately 493537 rows...',
    'Copying `app`.`t`:  22% 00:03 remain',
    '2026-11-21T22:34:42 Copied rows OK.',
  ];
  expect(lines.map(newsIn)).toEqual([{}, { total: 493_537 }, { percent: 22 }, { percent: 100 }]);
});

test('an address is read whole or refused without being quoted', () => {
  expect(readMysqlUrl('mysql://shop:s3c%2Cp%23w@[::1]:3307/shop')).toEqual({
    host: '::1',
    port: 3307,
    user: 'shop',
    password: 's3c,p#w',
    database: 'shop',
  });
  for (const url of [
    'mysql://shop:secret@db/',
    'mysql://db/shop',
    'mysql://shop:secret%0Ainit-command=x@db/shop',
    'mysql://shop:secret%@db/shop',
    'mysql://shop:secret@db/shop?ssl=1',
  ]) {
    const read = () => readMysqlUrl(url);
    expect(read, url).toThrow(/^the secret that migrations.database names /);
    expect(read, url).not.toThrow('secret@');
  }
});
