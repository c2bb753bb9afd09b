// How runs and their quantities are put in words. Draws nothing.
import { duration } from '../../../src/report/format.ts';
import type { NumberFormat } from '../../../src/report/ticks.ts';
import type { RunRow, Standing } from '../../../src/studio/api/runs.ts';
import { thousands } from '../../../src/words/numbers.ts';

export const standings: Readonly<Record<Standing, string>> = {
  'going on': 'training',
  complete: 'complete',
  stopped: 'stopped',
};

const kinds: Readonly<Record<string, string>> = { online: 'online', 'train-judge': 'a judge' };

/** "cut · world-128 · judged.jsonl" */
export const about = ({ kind, method, model, data }: RunRow): string =>
  [kinds[kind], method, model, data].filter(Boolean).join(' · ') || 'no record';

/** "round 2 of 5, step 34 of 50" */
export function stepsOf({ round, step, totalSteps, standing }: RunRow): string {
  const steps =
    totalSteps === null
      ? step === 0
        ? 'before the first step'
        : `step ${thousands(step)}`
      : step === totalSteps
        ? `${thousands(step)} ${step === 1 ? 'step' : 'steps'}`
        : `step ${thousands(step)} of ${thousands(totalSteps)}`;
  if (round === null) return steps;
  return standing === 'complete' ? `${round.of} rounds` : `round ${round.at} of ${round.of}, ${steps}`;
}

export const titleOf = (folder: string, name: string): string =>
  name === '.' ? (folder.split(/[\\/]/).findLast((part) => part !== '') ?? folder) : name;

/** "3 min ago", and the date of what is older than a day. */
export function ago(time: string): string {
  const seconds = (Date.now() - Date.parse(time)) / 1000;
  if (seconds < 10) return 'now';
  if (seconds < 60) return `${Math.round(seconds)} s ago`;
  if (seconds < 3600) return `${Math.round(seconds / 60)} min ago`;
  if (seconds < 86_400) return `${Math.round(seconds / 3600)} h ago`;
  return new Date(time).toLocaleDateString([], { year: 'numeric', month: 'short', day: 'numeric' });
}

/** "about 3 min left" */
export const left = (seconds: number): string =>
  seconds < 1
    ? 'nearly done'
    : `about ${duration(Math.max(1, Math.round(seconds))).replace(/^(\d+)\.0 s$/, '$1 s')} left`;

export interface Quantity {
  readonly title: string;
  /** In a legend. */
  readonly short: string;
  readonly unit: string;
  readonly format: NumberFormat;
}

const known: Readonly<Record<string, Quantity>> = {
  loss: { title: 'Loss', short: 'loss', unit: 'nats', format: 'number' },
  flagged_fraction: {
    title: 'Flagged share',
    short: 'flagged',
    unit: 'of contrasted tokens',
    format: 'percent',
  },
  grad_norm: { title: 'Gradient norm', short: 'norm', unit: 'before clipping', format: 'number' },
  learning_rate: { title: 'Learning rate', short: 'rate', unit: '', format: 'number' },
  tokens_per_second: { title: 'Tokens a second', short: 'tokens/s', unit: 'of responses', format: 'number' },
};

export function quantityOf(name: string): Quantity {
  const part = name.replace(/^loss_/, '');
  return known[name] ?? { title: `Loss, ${part}`, short: part, unit: 'nats', format: 'number' };
}

/** Which quantities share a panel: of one run the loss and its parts do. */
export function panelsOf(quantities: readonly string[], single: boolean): string[][] {
  if (!single) return quantities.map((name) => [name]);
  const isLoss = (name: string): boolean => name === 'loss' || name.startsWith('loss_');
  const losses = quantities.filter(isLoss);
  const others = quantities.filter((name) => !isLoss(name)).map((name) => [name]);
  return losses.length === 0 ? others : [losses, ...others];
}
