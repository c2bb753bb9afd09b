// What an alignment will do, a line each for a person and as fields for a program: here, or on devices that are not here.
import { computedOn } from './computed-on.ts';
import type { Elsewhere } from '../alignment/elsewhere.ts';
import { methodNamed } from '../alignment/methods.ts';
import type { AlignmentPlan } from '../alignment/plan.ts';
import type { AlignSettings } from '../alignment/settings.ts';
import { bytesInWords, plural, thousands } from '../words/numbers.ts';
import { snakeFields } from './events.ts';
import { formatDuration } from './progress.ts';

/** The engine's description, but for its notes, which are told as such. */
export const modelFields = ({ notes, ...model }: AlignmentPlan['engine']): object => model;

/** What will happen, for a program. */
export const planFields = ({ settings, notes, engine, ...plan }: AlignmentPlan): object => ({
  ...snakeFields({ ...plan, model: modelFields(engine) }),
  method: settings.method,
});

/** Memory a device by part, and the time that it takes. */
export function describePlacement({ placement, settings, totalSteps, stepsPerEpoch }: Elsewhere): string[] {
  const { devices, memory, total, fits, tokensPerSecond, hours, boundBy } = placement;
  const each = devices.count === 1 ? '' : ' each';
  const parts = Object.entries<number>({ ...memory })
    .filter(([, bytes]) => bytes > 0)
    .map(([part, bytes]) => `${part} ${bytesInWords(bytes)}`);
  const weights = settings.baseDtype === 'float32' ? 'bfloat16' : settings.baseDtype;
  const epochs = Number((totalSteps / stepsPerEpoch).toPrecision(3));
  return [
    `devices   ${devices.count} x ${devices.title}, PyTorch with FSDP2; weights in ${weights}`,
    `memory    about ${bytesInWords(total)}${each} of ${bytesInWords(devices.memory)}${fits ? '' : ': does not fit'}`,
    `          ${parts.join(', ')}`,
    `speed     about ${thousands(Math.round(tokensPerSecond))} tokens a second, all devices together, held back by ${boundBy === 'products' ? 'the products' : 'gathering weights over the link'}`,
    `time      about ${formatDuration(hours * 3600)} for ${epochs === 1 ? 'an epoch' : `${epochs} epochs`}, without reading the model and saving`,
  ];
}

/** What will happen, a line each. */
export function describePlan(plan: AlignmentPlan): string[] {
  const { settings, engine, memory } = plan;
  return [
    ...describeRun(plan),
    `model     ${engine.modelType}, ${thousands(engine.parameters)} parameters; training ${thousands(engine.trainableParameters)} (${settings.useRslora ? 'rsLoRA' : 'LoRA'} r ${settings.loraR}: ${settings.loraTargetModules.join(', ')})`,
    `memory    about ${bytesInWords(memory.peak)} at its peak, ${bytesInWords(memory.available)} available; ${computedOn(engine)}`,
  ];
}

/** Rows, method and steps. */
export function describeRun(
  plan: Pick<AlignmentPlan, 'settings' | 'rows' | 'totalSteps' | 'stepsPerEpoch' | 'doneSteps'>,
): string[] {
  const { settings, rows } = plan;
  const one = rows.pairs ? 'pair' : 'row';
  const asides = [
    rows.downsampled > 0 && `${plural(rows.downsampled, 'satisfactory row')} left out by down-sampling`,
    rows.invalid > 0 && `${plural(rows.invalid, 'row')} that data check refuses left out (--skip_invalid)`,
    rows.tooLong > 0 && `${plural(rows.tooLong, one)} left out as too long (--long_rows skip)`,
    rows.unused > 0 && `${plural(rows.unused, one)} without weight in this method`,
    rows.truncated > 0 &&
      `${plural(rows.truncated, 'prompt')} cut on the left to ${settings.cutoffLen} tokens`,
    rows.retokenized > 0 && `${plural(rows.retokenized, 'response')} tokenized apart from the prompt`,
  ].filter((aside) => aside !== false);
  const of = rows.pairs
    ? `${plural(rows.used, 'pair')} from ${plural(rows.read, 'row')}`
    : `${plural(rows.used, 'row')}: ${thousands(rows.alignN)} align-n, ${thousands(rows.alignP)} align-p`;
  return [
    `rows      ${of}; ${plural(rows.responseTokens, 'response token')}, longest sequence ${thousands(rows.longest)}`,
    ...asides.map((aside) => `          ${aside}`),
    `method    ${describeMethod(settings)}`,
    `steps     ${thousands(plan.totalSteps)} of ${settings.batchSize} ${one}s, ${thousands(plan.stepsPerEpoch)} an epoch; ${settings.lrSchedulerType} to ${settings.learningRate}, ${settings.warmupSteps} of warm-up` +
      (plan.doneSteps > 0 ? `; going on after step ${plan.doneSteps}` : ''),
  ];
}

function describeMethod(settings: AlignSettings): string {
  const { method, preset, lambda, alpha, gamma, beta } = settings;
  switch (method) {
    case 'cut':
      return `cut, preset ${preset}: lambda ${lambda}, alpha ${alpha}, gamma ${gamma}`;
    case 'dual-cut':
      return `dual-cut: lambda ${lambda}, alpha ${alpha}, beta ${beta}`;
    case 'dpo':
    case 'ilf-dpo':
      return `${method}, ${methodNamed(method).title}: beta ${beta}`;
    default:
      return `${method}, ${methodNamed(method).title}`;
  }
}
