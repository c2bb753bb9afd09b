// The conformance suite on every device that this machine has besides the CPU: npm run test:devices [-- vitest options]
// Ops and their derivatives, the decoder families against transformers, placement, generation. Says in one line why
// where there is no device.
import { spawnSync } from 'node:child_process';

const { devices, problemOf } = await import('../dist/engine/index.js').catch(() => {
  console.error('Build first: npm run build');
  process.exit(2);
});

const files = [
  'src/graph',
  'src/models/attention.test.ts',
  'src/models/gated-unit.test.ts',
  'src/models/lm-head.test.ts',
  'src/models/lora.test.ts',
  'src/models/rope.test.ts',
  'src/engine/halves.test.ts',
  'test/golden/models.test.ts',
  'test/golden/generation.test.ts',
  'test/golden/training.test.ts',
  'test/devices',
];

const missing = [];
let failed = false;
let ran = 0;
for (const device of devices) {
  if (device === 'cpu') continue;
  const problem = await problemOf(device);
  if (problem !== null) {
    missing.push(`${device}: ${problem}`);
    continue;
  }
  ran++;
  console.log(`Device ${device}`);
  const vitest = [
    'vitest',
    'run',
    ...files,
    '--testTimeout=300000',
    '--reporter=dot',
    ...process.argv.slice(2),
  ];
  const { status } = spawnSync('npx', vitest, {
    stdio: 'inherit',
    shell: process.platform === 'win32',
    env: { ...process.env, WHETSTONE_TEST_DEVICE: device },
  });
  failed ||= status !== 0;
}
if (ran === 0) console.log(`No device but the CPU here, so nothing was tested (${missing.join('; ')}).`);
process.exit(failed ? 1 : 0);
