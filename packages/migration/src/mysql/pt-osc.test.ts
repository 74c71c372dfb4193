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
    tls: null,
  });
  expect(readMysqlUrl('mysql://shop@db/shop?ssl-mode=VERIFY_IDENTITY&ssl-ca=/etc/ca.pem').tls).toEqual({
    mode: 'verify-identity',
    ca: '/etc/ca.pem',
  });
  for (const url of [
    'mysql://shop:secret@db/',
    'mysql://db/shop',
    'mysql://shop:secret%0Ainit-command=x@db/shop',
    'mysql://shop:secret%@db/shop',
    'mysql://shop:secret@db/shop?ssl=1',
    'mysql://shop:secret@db/shop?ssl-mode=preferred',
    'mysql://shop:secret@10.0.0.7/shop?ssl-mode=verify-identity',
    'mysql://shop:secret@db/shop?ssl-mode=required&ssl-ca=/etc/ca.pem',
    'mysql://shop:secret@db/shop?ssl-mode=verify-identity&ssl-ca=ca.pem',
  ]) {
    const read = () => readMysqlUrl(url);
    expect(read, url).toThrow(/^the secret that migrations.database names /);
    expect(read, url).not.toThrow('secret@');
  }
});
