import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: 'test/support/announcePublicData.ts',
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // Tests start worker threads of their own; two files at a time keep two cores busy without starving either.
    maxWorkers: 2,
  },
});
