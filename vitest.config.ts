import { defineConfig } from 'vitest/config';

/** Far beyond what they take: machines are shared, and a test that hangs is found all the same. */
const slow = { testTimeout: 60_000, hookTimeout: 60_000 };

/** Projects by file suffix: what a test needs is in its name. */
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          include: ['packages/*/src/**/*.test.ts'],
          exclude: ['**/*.pg.test.ts', '**/node_modules/**'],
          ...slow,
        },
      },
      { test: { name: 'postgres', include: ['packages/*/src/**/*.pg.test.ts'], ...slow } },
      {
        test: {
          name: 'e2e',
          include: ['tests/e2e/**/*.test.ts'],
          testTimeout: 180_000,
          hookTimeout: 120_000,
          fileParallelism: false,
        },
      },
      {
        test: {
          name: 'mysql',
          include: ['tests/mysql/**/*.test.ts'],
          testTimeout: 180_000,
          hookTimeout: 120_000,
          fileParallelism: false,
        },
      },
      { test: { name: 'tidy', include: ['tools/**/*.test.ts'] } },
    ],
  },
});
