// Whether a training run fits on devices that need not be here, how long it takes there, and what would fit if it does not.
import { WhetstoneError } from '../errors.ts';
import { option } from '../words/option.ts';
import { bytesInWords } from '../words/numbers.ts';
import type { Devices } from './devices.ts';
import { memoryOfRank, totalOf } from './memory.ts';
import type { MemoryParts, TrainingShape } from './memory.ts';
import { estimateSpeed } from './speed.ts';
import type { DataSize, SpeedEstimate } from './speed.ts';

export interface Placement extends SpeedEstimate {
  readonly devices: Devices;
  /** Bytes of one device. */
  readonly memory: MemoryParts;
  readonly total: number;
  readonly fits: boolean;
  /** Settings that would fit, the mildest first; full sentences. Empty where it fits. */
  readonly advice: readonly string[];
}

/**
 * A run on devices: memory a rank by part, tokens a second, hours, and whether it fits. Throws WhetstoneError `ENGINE_OPTIONS`
 * for weights in few bits on several devices, over which they cannot be spread.
 */
export function placeRun(
  training: Omit<TrainingShape, 'ranks'>,
  data: DataSize,
  devices: Devices,
  utilization: number,
): Placement {
  requireSpreadable(training.baseDtype, devices);
  const here = { ...training, ranks: devices.count };
  const memory = memoryOfRank(here);
  const total = totalOf(memory);
  const fits = total <= devices.memory;
  const speed = estimateSpeed(here, data, devices, utilization);
  return { devices, memory, total, fits, advice: fits ? [] : whatFits(here, devices.memory), ...speed };
}

/** As the engine torch, whose quantized weights are whole on one device. */
function requireSpreadable(baseDtype: TrainingShape['baseDtype'], { count }: Devices): void {
  if (baseDtype === 'float32' || count === 1) return;
  throw new WhetstoneError('ENGINE_OPTIONS', `weights in ${baseDtype} are not spread over ${count} devices`, {
    field: 'base_dtype',
    hint: `Take one device, or leave ${option('baseDtype')} out.`,
  });
}

/** Most devices that advice goes up to. */
const mostRanks = 1024;

function whatFits(training: TrainingShape, memory: number): string[] {
  const fits = (change: Partial<TrainingShape>): boolean =>
    totalOf(memoryOfRank({ ...training, ...change })) <= memory;
  const advice: string[] = [];
  const { ranks: count, baseDtype: stored } = training;
  if (training.lora && stored === 'float32') {
    const dtype = (['int8', 'int4'] as const).find((baseDtype) => fits({ baseDtype, ranks: 1 }));
    const where = count === 1 ? '' : ' on 1 of these devices';
    if (dtype) advice.push(`${option('baseDtype')} ${dtype} fits${where}.`);
  }
  for (let ranks = 2 * count; ranks <= mostRanks; ranks *= 2) {
    if (!fits({ ranks, baseDtype: 'float32' })) continue;
    const how = stored === 'float32' ? '' : `, with ${option('baseDtype')} float32`;
    advice.push(`${ranks} of these devices fit${how}.`);
    break;
  }
  const shorter = [0.5, 0.25, 0.125]
    .map((share) => ({
      tokens: Math.floor(training.tokens * share),
      responseTokens: Math.min(training.responseTokens, Math.floor(training.tokens * share)),
    }))
    .find(({ tokens, responseTokens }) => tokens > 0 && fits({ tokens, responseTokens }));
  if (shorter)
    advice.push(
      `Sequences of at most ${shorter.tokens} tokens fit: ${option('cutoffLen')} ${shorter.tokens}.`,
    );
  return advice;
}

/** Throws WhetstoneError `NOT_ENOUGH_MEMORY` for a placement that does not fit. */
export function requireRoom({ fits, total, devices, advice, memory }: Placement): void {
  if (fits) return;
  const [most] = Object.entries<number>({ ...memory }).sort(([, a], [, b]) => b - a);
  throw new WhetstoneError(
    'NOT_ENOUGH_MEMORY',
    `each of ${devices.count} x ${devices.title} would need ${bytesInWords(total)} (${bytesInWords(most![1])} of it ${most![0]}), and has ${bytesInWords(devices.memory)}`,
    {
      hint:
        advice.join(' ') ||
        'No setting of this run fits there: use devices with more memory, or a smaller model.',
    },
  );
}
