import { defineConfig } from 'tsdown';
import type { UserConfig } from 'tsdown';

const layers = [
  ...['graph', 'models', 'objectives', 'engine', 'tokens', 'hub', 'generation', 'judgments', 'judges'],
  ...['alignment', 'evaluation', 'report', 'run-report', 'judge-training', 'learning', 'serving', 'export'],
];
const lab = ['world', 'reproduction'];

const config: UserConfig = defineConfig({
  // The public API, one entry a layer (package.json's exports), and the command.
  entry: {
    index: 'src/index.ts',
    ...Object.fromEntries(layers.map((name) => [`${name}/index`, `src/${name}/index.ts`])),
    ...Object.fromEntries(lab.map((name) => [`${name}/index`, `lab/${name}/index.ts`])),
    'cli/main': 'bin/whetstone.ts',
  },
  format: 'esm',
  platform: 'node',
  target: 'node20',
  dts: true,
  fixedExtension: false,
  outDir: 'dist',
});
export default config;
