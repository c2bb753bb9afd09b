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

/** A run on devices: memory a rank by part, tokens a second, hours, and whether it fits. */
export function placeRun(
  training: Omit<TrainingShape, 'ranks'>,
  data: DataSize,
  devices: Devices,
  utilization: number,
): Placement {
  const here = { ...training, ranks: devices.count };
  const memory = memoryOfRank(here);
  const total = totalOf(memory);
  const fits = total <= devices.memory;
  const speed = estimateSpeed(here, data, devices, utilization);
  return { devices, memory, total, fits, advice: fits ? [] : whatFits(here, devices.memory), ...speed };
}

/** Most devices that advice goes up to. */
const mostRanks = 1024;

function whatFits(training: TrainingShape, memory: number): string[] {
  const fits = (change: Partial<TrainingShape>): boolean =>
    totalOf(memoryOfRank({ ...training, ...change })) <= memory;
  const advice: string[] = [];
  if (training.lora && training.baseDtype === 'float32') {
    const dtype = (['int8', 'int4'] as const).find((baseDtype) => fits({ baseDtype }));
    if (dtype) advice.push(`${option('baseDtype')} ${dtype} fits.`);
  }
  for (let ranks = 2 * training.ranks; ranks <= mostRanks; ranks *= 2) {
    if (!fits({ ranks })) continue;
    advice.push(`${ranks} of these devices fit.`);
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
