// The options of `online`: those of training and of judges, and how rounds are drawn, made and mixed.
import type { OnlineSettings } from '../alignment/online/settings.ts';
import type { Option, Schema } from '../options/kinds.ts';
import { judgeOptions } from './judge-options.ts';
import { alignOptions, generateOptions } from './options.ts';

export interface OnlineFlags extends OnlineSettings {
  readonly out: string;
  readonly resume: boolean;
  readonly overwrite: boolean;
  readonly dryRun: boolean;
  readonly config: string;
}

const { data, adapter, out, ...training } = alignOptions;
void [data, adapter, out];

const rounds = 'Rounds';
const responses = 'Responses';
const count = { kind: 'number', integer: true, min: 1 } as const;
const file = (help: string, more: Partial<Option> = {}): Option => ({
  ...{ kind: 'text', group: 'Files', placeholder: 'FILE', help, ...(more as object) },
});

export const onlineOptions: Schema<OnlineFlags> = {
  ...training,
  out: {
    kind: 'text',
    group: 'Files',
    placeholder: 'RUN',
    help: 'run directory: run.yaml, events.jsonl, rounds/, metrics.jsonl, adapter/',
  },
  instructions: file(
    'instructions to respond to: JSONL, JSON, CSV, TSV or Parquet rows of instruction, input?; or .txt',
  ),
  from: file('run or PEFT adapter that the first round starts from', {
    nullable: true,
    placeholder: 'RUN',
    defaultText: 'the model as it is',
  }),
  mix: file('judged triplets that every round learns from as well', { nullable: true, defaultText: 'none' }),
  evalInstructions: file('instructions to evaluate on', {
    nullable: true,
    defaultText: 'some of --instructions, which are then not trained on',
  }),
  rounds: {
    ...count,
    group: rounds,
    help: 'rounds in all; more than before, with --resume, lengthens a run',
  },
  perRound: { ...count, group: rounds, help: 'instructions of a round, none of which was used before' },
  evalSize: {
    ...{ kind: 'number', integer: true, min: 0, group: rounds },
    help: 'instructions to evaluate on before the first and after every round; 0 for none',
  },
  downsample: { ...alignOptions.downsample, group: rounds },
  keepRounds: { ...count, group: rounds, help: 'learn from the judgments of so many last rounds' },
  failedShare: {
    ...{ kind: 'number', min: 0, max: 1, group: rounds },
    help: 'share of a round given to instructions that failed before, those that failed often first',
  },
  maxUnscored: {
    ...{ kind: 'number', min: 0, max: 1, group: rounds },
    help: 'stop if the judge leaves a larger share of a round without a judgment',
  },
  maxNewTokens: { ...count, group: responses, help: 'most tokens of a response' },
  temperature: { kind: 'number', min: 0, group: responses, help: 'of responses to learn from; 0 is greedy' },
  topP: {
    ...{ kind: 'number', above: 0, max: 1, group: responses },
    help: 'draw from the likeliest tokens that together have this probability',
  },
  topK: {
    ...{ kind: 'number', integer: true, min: 0, group: responses },
    help: 'draw from this many likeliest tokens; 0 from all',
  },
  repetitionPenalty: {
    ...{ kind: 'number', above: 0, group: responses },
    help: 'makes tokens that were there before less likely; 1 is off',
  },
  stop: generateOptions.stop,
  ...judgeOptions,
  judgeCache: { ...judgeOptions.judgeCache, defaultText: 'RUN/replies.jsonl' },
  dryRun: {
    ...{ kind: 'boolean', group: 'Run', defaultText: '', flagOnly: true },
    help: 'say how much will be generated and judged, and do nothing',
  },
};
