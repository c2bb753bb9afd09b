// The tests that take long by their nature, of many requests and many kills: npm run test:long.
import { defineConfig } from 'vitest/config';
import type { ViteUserConfig } from 'vitest/config';
import base from './vitest.config.ts';

const config: ViteUserConfig = defineConfig({
  test: { ...base.test, include: ['test/**/*.long.test.ts'], exclude: [], testTimeout: 600_000 },
});
export default config;
