// A run on devices that are not here: its rows counted, its memory and time worked out, its weights not opened.
import { responseLength } from '../engine/engine.ts';
import { placeRun, readDevices, readShape, usualUtilization } from '../scale/index.ts';
import type { Placement } from '../scale/index.ts';
import type { AlignOptions } from './align.ts';
import { rehearseRun } from './prepare.ts';
import type { Rehearsal } from './prepare.ts';

export interface Elsewhere extends Rehearsal {
  readonly placement: Placement;
}

export interface OnDevices {
  /** "8xh100"; see `readDevices`. */
  readonly devices: string;
  /** Share of the data sheet's FLOP/s that is reached; default 0.35. */
  readonly utilization?: number;
}

/**
 * What the run would be on these devices, in PyTorch with FSDP2 and bfloat16: memory a device by part, tokens a second, hours.
 * Of the model only config.json and tokenizer are read.
 *
 * Throws WhetstoneError as `align` does, `UNKNOWN_DEVICES` and `MODEL_CONFIG`.
 */
export async function alignElsewhere(
  options: AlignOptions,
  { devices: named, utilization = usualUtilization }: OnDevices,
): Promise<Elsewhere> {
  const devices = readDevices(named);
  const rehearsal = await rehearseRun(options);
  const { settings, sequences } = rehearsal;
  const shape = await readShape(settings.model);
  const sum = (count: (sequence: (typeof sequences)[number]) => number): number =>
    sequences.reduce((total, sequence) => total + count(sequence), 0);
  const most = (count: (sequence: (typeof sequences)[number]) => number): number =>
    sequences.reduce((largest, sequence) => Math.max(largest, count(sequence)), 0);
  const training = {
    shape,
    lora: { rank: settings.loraR, targets: settings.loraTargetModules },
    baseDtype: settings.baseDtype,
    tokens: most(({ ids }) => ids.length),
    responseTokens: most(responseLength),
  };
  const data = {
    sequences: sequences.length,
    tokens: sum(({ ids }) => ids.length),
    responseTokens: sum(responseLength),
    // A fraction where the steps are limited.
    epochs: rehearsal.totalSteps / rehearsal.stepsPerEpoch,
  };
  return { ...rehearsal, placement: placeRun(training, data, devices, utilization) };
}
