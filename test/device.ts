// The device under test: what `npm run test:devices` names in the environment; left out, the CPU.
import type { Provider } from '../src/graph/index.ts';

export const testDevice = (process.env['WHETSTONE_TEST_DEVICE'] || 'cpu') as Provider;
