import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { createClient } from '@holdfast/contract/api/client.ts';
import { chromium } from 'playwright-core';

/**
 * The pages as a person sees them, at 1440 and 390 px, of a running Holdfast:
 * node tools/screenshots.ts --controller URL --token-file F [--out docs/images]
 */
const { values } = parseArgs({
  options: { controller: { type: 'string' }, 'token-file': { type: 'string' }, out: { type: 'string' } },
});
const controller = values.controller ?? 'http://127.0.0.1:7070';
const token = readFileSync(values['token-file'] ?? '.holdfast-data/admin.token', 'utf8').trim();
const out = values.out ?? fileURLToPath(new URL('../docs/images', import.meta.url));
const client = createClient({ controllers: [controller], token });

const runs = (await client('listRuns')).items;
const [environment] = (await client('listEnvironments')).items;
const rollouts = environment ? (await client('listRollouts', { params: environment })).items : [];
const rollout = rollouts.find((candidate) => candidate.state === 'aborted') ?? rollouts[0];
const pages = {
  runs: '/runs',
  run: `/runs/${runs.at(-2)?.id ?? runs[0]?.id}`,
  environments: '/environments',
  rollout: `/rollouts/${rollout?.id}`,
  ...(environment?.migrations ? { migrations: `/environments/${environment.name}/migrations` } : {}),
};

mkdirSync(out, { recursive: true });
const browser = await chromium.launch({
  executablePath: '/usr/bin/chromium',
  args: [
    '--no-sandbox',
    '--disable-gpu',
    '--disable-quic',
    '--no-first-run',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
  ],
});
for (const [width, height] of [
  [1440, 900],
  [390, 844],
] as const) {
  const context = await browser.newContext({ viewport: { width, height }, colorScheme: 'light' });
  const page = await context.newPage();
  page.on('pageerror', (error) => process.stderr.write(`page error: ${error.message}\n`));
  await page.goto(controller);
  await page.fill('#token', token);
  await page.click('button[type=submit]');
  await page.waitForSelector('header.top');
  for (const [name, path] of Object.entries(pages)) {
    await page.goto(`${controller}${path}`);
    await page.waitForSelector('main h1');
    await page.waitForTimeout(1_500);
    const wide = await page.evaluate<boolean>('document.documentElement.scrollWidth > window.innerWidth + 1');
    if (wide) process.stderr.write(`${name} at ${width} px scrolls sideways\n`);
    await page.screenshot({ path: join(out, `${name}-${width}.png`), fullPage: true });
  }
  await context.close();
}
await browser.close();
