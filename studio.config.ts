// Builds the studio's page (web/) into dist/studio: vite build --config studio.config.ts
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vite';
import type { Plugin, UserConfig } from 'vite';
import { baseStyle } from './src/report/base-style.ts';

const root = fileURLToPath(new URL('.', import.meta.url));

/** The rules that reports begin with, as the style sheet "virtual:report.css". */
const reportStyle: Plugin = {
  name: 'report-style',
  resolveId: (id) => (id === 'virtual:report.css' ? join(root, 'web', '.report.css') : null),
  load: (id) => (id === join(root, 'web', '.report.css') ? baseStyle : null),
};

const config: UserConfig = defineConfig({
  root: join(root, 'web'),
  logLevel: 'warn',
  plugins: [reportStyle],
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  build: {
    outDir: join(root, 'dist', 'studio'),
    emptyOutDir: true,
    target: 'es2022',
    modulePreload: { polyfill: false },
    // What is inlined as data: the policy would refuse for scripts and styles.
    assetsInlineLimit: 0,
  },
});
export default config;
