// The options of the tasks of "whetstone evaluate" that have models respond, or compare responses. Knows how they are
// spelled, not what they do.
import { judgeDefaults } from '../judges/flags.ts';
import type { JudgeFlags } from '../judges/flags.ts';
import { compareModes } from '../judges/open-comparer.ts';
import { judgeOptions } from './judge-options.ts';
import type { Schema } from '../options/kinds.ts';

/** `concurrency` is that of servers of all kinds. */
type OwnJudgeFlags = Omit<JudgeFlags, 'judge' | 'apiKeyEnv' | 'concurrency'>;

export interface EvaluateTaskFlags extends OwnJudgeFlags {
  readonly judge: string | null;
  readonly judgeApiKeyEnv: string | null;
  readonly compareBy: string;
  readonly bothOrders: boolean;
  readonly lengthTable: string | null;
  readonly maxNewTokens: number;
  readonly temperature: number;
  readonly topP: number;
  readonly rougeStem: boolean;
  readonly lambda: number;
}

const { apiKeyEnv, concurrency, ...ownJudgeOptions } = judgeOptions;
void concurrency;

export const evaluateTaskOptions: Schema<EvaluateTaskFlags> = {
  maxNewTokens: {
    kind: 'number',
    integer: true,
    min: 1,
    group: 'Responses',
    help: 'longest response in tokens (win_rate, rouge)',
  },
  temperature: { kind: 'number', min: 0, group: 'Responses', help: '0 is greedy' },
  topP: {
    kind: 'number',
    above: 0,
    max: 1,
    group: 'Responses',
    help: 'sample among the likeliest tokens of this share',
  },
  rougeStem: {
    kind: 'boolean',
    group: 'Responses',
    help: 'rouge compares stems of words of more than three letters',
    defaultText: '',
  },
  lambda: {
    kind: 'number',
    min: 1,
    group: 'Responses',
    help: 'held_out: a token is flagged when the judgment makes it more than this many times as likely',
  },
  ...ownJudgeOptions,
  judge: { ...judgeOptions.judge, nullable: true, defaultText: 'needed for win_rate' },
  judgePrompt: {
    ...judgeOptions.judgePrompt,
    help: 'how a chat model is asked: default, or a file with {instruction}, {input}, {output_1} and {output_2}',
  },
  judgeCache: { ...judgeOptions.judgeCache, defaultText: 'OUT/judge-replies.jsonl' },
  judgeApiKeyEnv: {
    ...apiKeyEnv,
    help: "environment variable with the judge's key",
  },
  compareBy: {
    kind: 'choice',
    choices: [...compareModes],
    group: 'Judge',
    help: 'show the judge both responses (pairs), or each by itself and compare its verdicts',
    defaultText: 'pairs where the judge can',
  },
  bothOrders: {
    kind: 'boolean',
    group: 'Judge',
    help: 'show each pair in both orders and report how often the winner changes; else in an order drawn from its instruction',
    defaultText: '',
  },
  lengthTable: {
    kind: 'text',
    group: 'Judge',
    placeholder: 'FILE',
    nullable: true,
    help: "AlpacaEval's df_gamed.csv or instruction_difficulty.csv for the length-controlled win rate",
    defaultText: 'none: without difficulties',
  },
};

const { apiKeyEnv: judgeApiKeyEnv, concurrency: judgeConcurrency, ...ownJudgeDefaults } = judgeDefaults;
void judgeConcurrency;

export const evaluateTaskDefaults: EvaluateTaskFlags = {
  ...ownJudgeDefaults,
  ...{ judge: null, judgeApiKeyEnv, compareBy: 'auto', bothOrders: false, lengthTable: null },
  ...{ maxNewTokens: 512, temperature: 0, topP: 1, rougeStem: false, lambda: 1.2 },
};
