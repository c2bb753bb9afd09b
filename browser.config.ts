// The tests that need a browser: npm run test:browser. They say so themselves where there is none.
import { defineConfig } from 'vitest/config';
import type { ViteUserConfig } from 'vitest/config';
import base from './vitest.config.ts';

const config: ViteUserConfig = defineConfig({
  test: { ...base.test, include: ['test/**/*.browser.test.ts'], exclude: [], testTimeout: 120_000 },
});
export default config;
