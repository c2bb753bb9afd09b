import { defineConfig } from 'tsdown';
import type { UserConfig } from 'tsdown';

const config: UserConfig = defineConfig({
  // The public API, one entry a layer (package.json's exports), and the command.
  entry: [
    'src/index.ts',
    'src/{graph,models,objectives,engine,tokens,hub,generation,judgments,judges,evaluation,world,report,reproduction,serving}/index.ts',
    'src/cli/main.ts',
  ],
  format: 'esm',
  platform: 'node',
  target: 'node20',
  dts: true,
  fixedExtension: false,
  outDir: 'dist',
});
export default config;
