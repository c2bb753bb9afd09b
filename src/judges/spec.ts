// Which judge a person means by a short text such as "openai:gpt-4o" or "cmd:./critic.sh". Opens none of them.
import { resolve } from 'node:path';
import { WhetstoneError } from '../errors.ts';

export type JudgeSpec =
  | ChatSpec
  | { readonly kind: 'command'; readonly command: string }
  | { readonly kind: 'module'; readonly path: string }
  | { readonly kind: 'local'; readonly run: string }
  | { readonly kind: 'person'; readonly file: string };

export interface ChatSpec {
  readonly kind: 'chat';
  readonly model: string;
  /** Ends before "/chat/completions"; null is the one of `openai:`. */
  readonly url: string | null;
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
  if (/^https?:/i.test(spec)) return parseUrl(spec);
  if (MODULE.test(spec)) return { kind: 'module', path: spec };
  throw refused(spec, 'this names no judge');
}

/** The same judge, whatever folder it is named from; a command line stays as it is. */
export function absoluteJudgeSpec(spec: string): string {
  const [, scheme, path] = /^(local|person):([^]+)$/.exec(spec) ?? [];
  if (path !== undefined) return `${scheme}:${resolve(path)}`;
  return /^(?:cmd:|openai:|https?:)/i.test(spec) || !MODULE.test(spec) ? spec : resolve(spec);
}

function parseUrl(spec: string): ChatSpec {
  const url = URL.canParse(spec) ? new URL(spec) : null;
  if (url === null || url.hostname === '') throw refused(withoutSecrets(spec), 'this is no URL');
  const shown = withoutSecrets(spec);
  if (url.username !== '' || url.password !== '') {
    throw refused(shown, 'a URL with a password would be written into files', keyHint);
  }
  const secret = [...url.searchParams.keys()].find((name) => /key|token|secret|password|sig/i.test(name));
  if (secret !== undefined) {
    throw refused(shown, `the parameter "${secret}" would be written into files`, keyHint);
  }
  const model = decodeURIComponent(url.hash.slice(1)).trim();
  if (model === '') throw refused(shown, 'the model is missing', `Name it behind the URL: ${shown}#MODEL`);
  url.hash = '';
  url.pathname = url.pathname.replace(/\/+$/, '').replace(/\/chat\/completions$/, '');
  return { kind: 'chat', model, url: url.href };
}

const keyHint = 'Keys come from the environment only: name the variable with api_key_env.';

const withoutSecrets = (spec: string): string =>
  spec.replace(/^([a-z]+:\/\/)[^/@]*@/i, '$1').replace(/\?[^#]*/, '');

const refused = (spec: string, what: string, hint?: string): WhetstoneError =>
  new WhetstoneError('INVALID_OPTION', `judge ${JSON.stringify(spec)}: ${what}`, {
    hint: hint ?? `A judge is one of\n    ${judgeKinds.join('\n    ')}`,
  });
