// Which judge a person means by a short text such as "openai:gpt-4o" or "cmd:./critic.sh". Opens none of them.
import { resolve } from 'node:path';
import { WhetstoneError } from '../errors.ts';
import { parseServedModel } from '../openai/address.ts';
import type { ServedModel } from '../openai/address.ts';

export type JudgeSpec =
  | ChatSpec
  | { readonly kind: 'command'; readonly command: string }
  | { readonly kind: 'module'; readonly path: string }
  | { readonly kind: 'local'; readonly run: string }
  | { readonly kind: 'person'; readonly file: string };

export interface ChatSpec extends ServedModel {
  readonly kind: 'chat';
}

/** What there is, a line each with an example. */
export const judgeKinds: readonly string[] = [
  'openai:MODEL            a model of api.openai.com            openai:gpt-4o',
  'URL#MODEL               any OpenAI-compatible chat server    http://127.0.0.1:8080/v1#qwen3',
  'cmd:COMMAND LINE        a program: JSONL in, JSONL out       cmd:./critic.sh',
  'FILE.ts, .mts, .js, .mjs  a module that exports a function   ./critic.ts',
  'local:RUN               what "whetstone train-judge" made    local:runs/judge',
  'person:FILE             a file to be filled in by hand       person:to-judge.jsonl',
];

const MODULE = /\.m?[tj]s$/;

/** Throws WhetstoneError `INVALID_OPTION`, which lists the kinds, or says what is wrong with a URL. */
export function parseJudgeSpec(spec: string): JudgeSpec {
  const [, scheme = '', rest = ''] = /^(openai|cmd|local|person):([^]*)$/.exec(spec) ?? [];
  if (scheme !== '' && rest.trim() === '') throw refused(spec, `nothing follows "${scheme}:"`);
  switch (scheme) {
    case 'openai':
      return { kind: 'chat', model: rest.trim(), url: null };
    case 'cmd':
      return { kind: 'command', command: rest };
    case 'local':
      return { kind: 'local', run: rest };
    case 'person':
      return { kind: 'person', file: rest };
  }
  if (/^https?:/i.test(spec)) return { kind: 'chat', ...parseServedModel(spec, 'judge') };
  if (MODULE.test(spec)) return { kind: 'module', path: spec };
  throw refused(spec, 'this names no judge');
}

/** The same judge, whatever folder it is named from; a command line stays as it is. */
export function absoluteJudgeSpec(spec: string): string {
  const [, scheme, path] = /^(local|person):([^]+)$/.exec(spec) ?? [];
  if (path !== undefined) return `${scheme}:${resolve(path)}`;
  return /^(?:cmd:|openai:|https?:)/i.test(spec) || !MODULE.test(spec) ? spec : resolve(spec);
}

const refused = (spec: string, what: string): WhetstoneError =>
  new WhetstoneError('INVALID_OPTION', `judge ${JSON.stringify(spec)}: ${what}`, {
    hint: `A judge is one of\n    ${judgeKinds.join('\n    ')}`,
  });
