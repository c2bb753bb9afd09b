// Every kind of judge, a row each: which judge a person means by a short text such as "openai:gpt-4o" or
// "cmd:./critic.sh". What opens one is loaded when it is asked for.
import { resolve } from 'node:path';
import { WhetstoneError } from '../errors.ts';
import { parseServedModel } from '../openai/address.ts';
import type { ServedModel } from '../openai/address.ts';
import type { JudgeKind, NamedJudge } from './judge-kind.ts';

const openAi: JudgeKind = {
  name: 'openai',
  form: 'openai:MODEL',
  what: 'a model of api.openai.com',
  example: 'openai:gpt-4o',
  // A URL behind it is another server's: nothing that is meant for that goes to api.openai.com.
  named: behind('openai:', (model, spec) =>
    /^\s*https?:/i.test(model)
      ? chat(parseServedModel(model.trim(), 'judge'), model.trim())
      : chat({ model: model.trim(), url: null }, spec),
  ),
};

const server: JudgeKind = {
  name: 'server',
  form: 'URL#MODEL',
  what: 'any OpenAI-compatible chat server',
  example: 'http://127.0.0.1:8080/v1#qwen3',
  named: (spec) => (/^https?:/i.test(spec) ? chat(parseServedModel(spec, 'judge'), spec) : null),
};

const command: JudgeKind = {
  name: 'command',
  form: 'cmd:COMMAND LINE',
  what: 'a program: JSONL in, JSONL out',
  example: 'cmd:./critic.sh',
  named: behind('cmd:', (line, spec) => ({
    absolute: spec,
    open: async (settings) => (await import('./program/command.ts')).openCommandJudge(line, settings),
    openComparer: async (settings) =>
      (await import('./program/command.ts')).openCommandComparer(line, settings),
  })),
};

const module: JudgeKind = {
  name: 'module',
  form: 'FILE.ts, .mts, .js, .mjs',
  what: 'a module that exports a function',
  example: './critic.ts',
  named: (file) =>
    /\.m?[tj]s$/.test(file)
      ? {
          absolute: resolve(file),
          open: async (settings) => (await import('./program/module.ts')).openModuleJudge(file, settings),
          openComparer: async (settings) =>
            (await import('./program/module.ts')).openModuleComparer(file, settings),
        }
      : null,
};

const local: JudgeKind = {
  name: 'local',
  form: 'local:RUN',
  what: 'what "whetstone train-judge" made',
  example: 'local:runs/judge',
  named: behind('local:', (run) => ({
    absolute: `local:${resolve(run)}`,
    open: async (settings) => (await import('./local/local.ts')).openLocalJudge(run, settings),
  })),
};

const person: JudgeKind = {
  name: 'person',
  form: 'person:FILE',
  what: 'a file to be filled in by hand',
  example: 'person:to-judge.jsonl',
  named: behind('person:', (file) => ({
    absolute: `person:${resolve(file)}`,
    open: async (settings) => (await import('./person/person.ts')).openPersonJudge(file, settings),
  })),
};

const page: JudgeKind = {
  name: 'page',
  form: 'person:',
  what: 'people, in a page in the browser',
  example: 'person:',
  named: (spec) =>
    spec.trim() === 'person:'
      ? {
          absolute: 'person:',
          open: async (settings) => (await import('./person/page.ts')).openPageJudge(settings),
        }
      : null,
};

/** In the order in which a text is put to them. */
const kinds: JudgeKind[] = [openAi, server, command, local, page, person, module];

/** Adds a kind of judge, whose texts it sees before those that are there. Throws `INVALID_OPTION` for a name twice. */
export function addJudge(kind: JudgeKind): void {
  if (kinds.some(({ name }) => name === kind.name)) {
    throw new WhetstoneError(
      'INVALID_OPTION',
      `there is a kind of judge ${JSON.stringify(kind.name)} already`,
      {
        hint: 'Give the new one another name.',
      },
    );
  }
  kinds.unshift(kind);
}

export const judgeKinds = (): readonly JudgeKind[] => kinds;

/** The judge that a text names. Throws WhetstoneError `INVALID_OPTION`, which lists the kinds, or what its kind says. */
export function namedJudge(spec: string): NamedJudge & { readonly kind: string } {
  for (const kind of kinds) {
    const judge = kind.named(spec);
    if (judge) return { kind: kind.name, ...judge };
  }
  throw refused(spec, 'this names no judge');
}

/** A kind whose texts begin with `scheme`; something has to follow. */
function behind(scheme: string, named: (rest: string, spec: string) => NamedJudge): JudgeKind['named'] {
  return (spec) => {
    if (!spec.startsWith(scheme)) return null;
    const rest = spec.slice(scheme.length);
    if (rest.trim() === '') throw refused(spec, `nothing follows "${scheme}"`);
    return named(rest, spec);
  };
}

const chat = (served: ServedModel, spec: string): NamedJudge => ({
  absolute: spec,
  open: async (settings) => (await import('./chat/chat-judge.ts')).openChatJudge(served, settings),
  openComparer: async (settings) =>
    (await import('./chat/chat-comparer.ts')).openChatComparer(served, settings),
  estimate: async (settings, rows) =>
    (await import('./chat/estimate.ts')).estimateChat(served, settings, rows),
});

function refused(spec: string, what: string): WhetstoneError {
  const widest = (column: 'form' | 'what'): number =>
    Math.max(...kinds.map((kind) => kind[column].length)) + 2;
  const lines = kinds.map(
    ({ form, what, example }) =>
      `\n    ${form.padEnd(widest('form'))}${what.padEnd(widest('what'))}${example}`,
  );
  return new WhetstoneError('INVALID_OPTION', `judge ${JSON.stringify(spec)}: ${what}`, {
    hint: `A judge is one of${lines.join('')}`,
  });
}
