// Which fields a request may have: all of the official client's types and of vLLM's, and what becomes of each.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';
import { chatFields, completionFields, requireKnownFields } from './request-fields.ts';
import type { FieldRules } from './request-fields.ts';

/** The members of an interface in the type declarations of OpenAI's own client. */
function membersOf(file: string, name: string): string[] {
  const root = dirname(createRequire(import.meta.url).resolve('openai'));
  const path = join(root, 'resources', file);
  const source = ts.createSourceFile(path, readFileSync(path, 'utf8'), ts.ScriptTarget.Latest);
  const found = source.statements.filter(
    (each): each is ts.InterfaceDeclaration => ts.isInterfaceDeclaration(each) && each.name.text === name,
  );
  return found.flatMap(({ members }) =>
    members.map((member) => (member.name as ts.Identifier).text).filter((each) => each !== undefined),
  );
}

/** vLLM's own fields of both requests: ChatCompletionRequest and CompletionRequest of its protocol, 2026. */
const vllm = {
  both: [
    ...['use_beam_search', 'top_k', 'min_p', 'repetition_penalty', 'watermarking', 'length_penalty'],
    ...['stop_token_ids', 'include_stop_str_in_output', 'ignore_eos', 'min_tokens', 'skip_special_tokens'],
    ...['spaces_between_special_tokens', 'truncate_prompt_tokens', 'truncation_side', 'prompt_logprobs'],
    ...['logprob_token_ids', 'allowed_token_ids', 'bad_words', 'echo', 'add_special_tokens'],
    ...['response_format', 'structured_outputs', 'priority', 'request_id', 'session_id'],
    ...['return_tokens_as_token_ids', 'return_token_ids', 'routed_experts_prompt_start'],
    ...['return_token_offsets', 'return_mm_kwargs', 'cache_salt', 'kv_transfer_params', 'ec_transfer_params'],
    ...['vllm_xargs', 'repetition_detection', 'stream_interval', 'thinking_token_budget', 'best_of'],
    ...['guided_json', 'guided_regex', 'guided_choice', 'guided_grammar', 'structural_tag'],
    ...['guided_decoding_backend', 'guided_whitespace_pattern', 'early_stopping', 'logits_processors'],
  ],
  chat: [
    ...['add_generation_prompt', 'continue_final_message', 'documents', 'chat_template'],
    ...['chat_template_kwargs', 'mm_processor_kwargs', 'media_io_kwargs', 'include_reasoning'],
    ...['reasoning_effort', 'parallel_tool_calls', 'return_prompt_text'],
  ],
  completion: ['prompt_embeds', 'suffix'],
};

const endpoints: readonly [string, FieldRules, readonly string[], readonly string[]][] = [
  [
    ...(['chat completions', chatFields] as const),
    membersOf('chat/completions/completions.d.ts', 'ChatCompletionCreateParamsBase'),
    [...vllm.both, ...vllm.chat],
  ],
  [
    ...(['completions', completionFields] as const),
    membersOf('completions.d.ts', 'CompletionCreateParamsBase'),
    [...vllm.both, ...vllm.completion],
  ],
];

/** A value of each kind that JSON has, none of which asks for nothing. */
const demanding = [2.5, 'something', true, ['something'], { type: 'json_object', something: 1 }];

describe.each(endpoints)('%s', (_, rules, official, extensions) => {
  it('has a rule for every field of the official client and of vLLM', () => {
    expect(official.length).toBeGreaterThan(15);
    expect(official).toContain('stream');
    const missing = [...official, ...extensions].filter((name) => !Object.hasOwn(rules, name));
    expect(missing).toEqual([]);
  });

  it('has none for fields that neither knows', () => {
    const older = ['guided_json_object'];
    const known = new Set([...official, ...extensions, ...older]);
    expect(Object.keys(rules).filter((name) => !known.has(name))).toEqual([]);
  });

  it.each(Object.entries(rules))(
    '%s: used, idle, or refused by name unless it asks for nothing',
    (name, rule) => {
      expect(() => requireKnownFields({ [name]: null }, rules)).not.toThrow();
      for (const value of demanding) {
        const check = (): void => requireKnownFields({ [name]: value }, rules);
        if (typeof rule === 'string') expect(check).not.toThrow();
        else if (!rule.harmless(value))
          expect(check).toThrow(
            expect.objectContaining({ status: 400, param: name, code: 'unsupported_value' }),
          );
      }
      // A rule that takes anything would be no rule.
      if (typeof rule !== 'string')
        expect(demanding.filter((value) => !rule.harmless(value)).length).toBeGreaterThan(3);
    },
  );

  it.each([
    'temprature',
    'constructor',
    '__proto__',
    'toString',
    '',
    'x'.repeat(1e6),
    'max tokens',
    '\u{1b}[31m',
  ])('refuses what is no field: %j', (name) => {
    const fields = JSON.parse(`{${JSON.stringify(name)}: 1}`) as Record<string, unknown>;
    expect(() => requireKnownFields(fields, rules)).toThrow(
      expect.objectContaining({ status: 400, code: 'unknown_parameter' }),
    );
  });

  it('asks whether another was meant', () => {
    expect(() => requireKnownFields({ temprature: 1 }, rules)).toThrow(/did you mean temperature\?/);
    expect(() => requireKnownFields({ minp: 1 }, rules)).toThrow(/did you mean min_p\?/);
  });
});
