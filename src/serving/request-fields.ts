// Every field that a request may have: those that are used, and of the others those whose value changes nothing here.
// All else is refused by name, so that nobody takes a reply for what it is not. Knows the fields of OpenAI's API and of
// vLLM's extensions to it; what the used ones mean is known where they are read.
import { isFields } from '../rows/fields.ts';
import type { Fields } from '../rows/fields.ts';
import { suggestion } from '../options/suggest.ts';
import { badRequest } from './api-error.ts';
import { describe } from './fields.ts';

/** What becomes of a field. */
export type FieldRule =
  /** It is read. */
  | 'used'
  /** It is about bookkeeping, caches or how a reply is told elsewhere: the text would be the same with any value. */
  | 'idle'
  /** Only values that ask for nothing are taken. */
  | { readonly harmless: (value: unknown) => boolean; readonly reason?: string };

export type FieldRules = Readonly<Record<string, FieldRule>>;

const never = (): boolean => false;
const isEmpty = (value: unknown): boolean => Array.isArray(value) && value.length === 0;
const isEmptyObject = (value: unknown): boolean => isFields(value) && Object.keys(value).length === 0;
const one = (...allowed: readonly unknown[]): FieldRule => ({ harmless: (value) => allowed.includes(value) });
const refused = (reason?: string): FieldRule => ({ harmless: never, ...(reason && { reason }) });
const emptyOnly = (reason?: string): FieldRule => ({
  harmless: (value) => isEmpty(value) || isEmptyObject(value),
  ...(reason && { reason }),
});

const noGrammar = 'This server does not hold responses to a grammar or a schema.';
const noTools = 'This server has no tools.';
const guided = [
  'json',
  'json_object',
  'regex',
  'choice',
  'grammar',
  'decoding_backend',
  'whitespace_pattern',
];

const each = (names: readonly string[], rule: FieldRule): FieldRules =>
  Object.fromEntries(names.map((name) => [name, rule]));

/** Of both kinds of completion. */
const shared: FieldRules = {
  ...each(['model', 'temperature', 'top_p', 'top_k', 'min_p', 'min_tokens', 'seed', 'n'], 'used'),
  ...each(['frequency_penalty', 'presence_penalty', 'repetition_penalty', 'logit_bias', 'logprobs'], 'used'),
  ...each(['stop', 'stop_token_ids', 'include_stop_str_in_output', 'ignore_eos', 'max_tokens'], 'used'),
  ...each(['skip_special_tokens', 'stream', 'stream_options', 'echo', 'add_special_tokens'], 'used'),
  ...each(['user', 'request_id', 'session_id', 'cache_salt', 'stream_interval'], 'idle'),
  // Fast tokenizers, which these are, set no spaces between special tokens.
  spaces_between_special_tokens: 'idle',
  ...each(['return_token_offsets', 'return_mm_kwargs', 'routed_experts_prompt_start'], 'idle'),
  response_format: {
    harmless: (value) => isFields(value) && value['type'] === 'text',
    reason: noGrammar,
  },
  ...each(
    ['structured_outputs', 'structural_tag', ...guided.map((name) => `guided_${name}`)],
    refused(noGrammar),
  ),
  use_beam_search: one(false),
  early_stopping: one(false),
  length_penalty: one(1),
  best_of: {
    harmless: (value) => value === 1,
    reason: "Only 'n' says how many choices there are.",
  },
  priority: {
    harmless: (value) => value === 0,
    reason: 'Requests are served in the order in which they come.',
  },
  bad_words: emptyOnly(),
  allowed_token_ids: refused("'logit_bias' makes tokens likelier or impossible."),
  truncate_prompt_tokens: refused('Cut the prompt yourself: what is left out decides the response.'),
  // Which side is cut, where nothing is.
  truncation_side: 'idle',
  prompt_logprobs: refused("The completions endpoint has 'echo' with 'logprobs'."),
  logprob_token_ids: refused(),
  logits_processors: emptyOnly(),
  return_tokens_as_token_ids: one(false),
  return_token_ids: one(false),
  watermarking: one(false),
  repetition_detection: refused(),
  thinking_token_budget: one(-1),
  ...each(['kv_transfer_params', 'ec_transfer_params', 'vllm_xargs'], emptyOnly()),
};

export const chatFields: FieldRules = {
  ...shared,
  ...each(['messages', 'max_completion_tokens', 'top_logprobs', 'chat_template_kwargs'], 'used'),
  ...each(['continue_final_message', 'add_generation_prompt'], 'used'),
  ...each(['metadata', 'store', 'safety_identifier', 'service_tier'], 'idle'),
  ...each(['prompt_cache_key', 'prompt_cache_retention', 'prompt_cache_options'], 'idle'),
  // Calls that cannot be are made neither one by one nor together; there is no reasoning to leave out.
  ...each(['parallel_tool_calls', 'include_reasoning'], 'idle'),
  echo: { harmless: (value) => value === false, reason: 'It belongs to the completions endpoint.' },
  add_special_tokens: {
    harmless: (value) => value === false,
    reason: 'The chat template writes the special tokens.',
  },
  tools: emptyOnly(noTools),
  functions: emptyOnly(noTools),
  tool_choice: one('none', 'auto'),
  function_call: one('none', 'auto'),
  modalities: { harmless: (value) => Array.isArray(value) && value.every((kind) => kind === 'text') },
  verbosity: one('medium'),
  reasoning_effort: refused("Variables of the model's chat template are set by 'chat_template_kwargs'."),
  chat_template: refused('The option template of the server sets it.'),
  documents: emptyOnly(),
  return_prompt_text: one(false),
  ...each(['mm_processor_kwargs', 'media_io_kwargs'], emptyOnly('The models here read text only.')),
  ...each(['audio', 'prediction', 'web_search_options', 'moderation'], refused()),
};

export const completionFields: FieldRules = {
  ...shared,
  prompt: 'used',
  best_of: 'used',
  suffix: {
    harmless: (value) => value === '',
    reason: 'The models here continue a text; they do not fill gaps in one.',
  },
  prompt_embeds: refused(),
};

/** Throws 400 for the first field that is not known, or not supported with its value. */
export function requireKnownFields(fields: Fields, rules: FieldRules): void {
  for (const [param, value] of Object.entries(fields)) {
    const rule = Object.hasOwn(rules, param) ? rules[param]! : null;
    if (rule === null) {
      const name = param.length > 100 ? `${param.slice(0, 100)}...` : param;
      const meant = suggestion(name, Object.keys(rules));
      throw badRequest(`Unrecognized request argument supplied: ${name}${meant}`, name, 'unknown_parameter');
    }
    if (typeof rule === 'string' || value === null || value === undefined || rule.harmless(value)) continue;
    const found = isShort(value) ? JSON.stringify(value) : describe(value);
    throw badRequest(
      [`Unsupported value: '${param}' does not support ${found} with this server.`, rule.reason]
        .filter(Boolean)
        .join(' '),
      param,
      'unsupported_value',
    );
  }
}

const isShort = (value: unknown): boolean =>
  typeof value === 'number' ||
  typeof value === 'boolean' ||
  (typeof value === 'string' && value.length <= 100);
