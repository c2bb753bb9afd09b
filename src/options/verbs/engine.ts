// What an engine is opened with, and the settings of the verb that examines it.
import { tableOf } from '../selection.ts';
import type { TableOf } from '../selection.ts';

const engine = {
  takes: ['Engine', 'seed', 'Compute', 'slots'],
  differs: { seed: { default: 0 } },
} as const;
/** What an engine is opened with. */
export const engineTable: TableOf<typeof engine> = tableOf(engine);

const doctor = {
  takes: ['engine', 'nproc', 'python', 'device'],
  differs: {
    engine: { help: 'the engine to examine: onnx, torch (PyTorch, started here), or torch://HOST:PORT' },
    device: {
      nullable: true,
      default: null,
      help: 'the device to examine',
      defaultText: 'every one that there could be here',
    },
  },
} as const;
export const doctorTable: TableOf<typeof doctor> = tableOf(doctor);
