// Which models a person means by "base=./model,tuned=./model+./run/adapter". Opens none of them.
import { existsSync } from 'node:fs';
import { basename, dirname, resolve } from 'node:path';
import { WhetstoneError } from '../../errors.ts';
import { parseServedModel } from '../../openai/address.ts';
import type { ServedModel } from '../../openai/address.ts';
import { option } from '../../words/option.ts';

export type SubjectSpec = { readonly name: string } & (
  | { readonly kind: 'local'; readonly model: string; readonly adapter: string | null }
  | { readonly kind: 'server'; readonly served: ServedModel & { readonly url: string } }
);

/** What there is, a line each. */
export const subjectKinds: readonly string[] = [
  'FOLDER            a model folder                          ./model',
  'FOLDER+ADAPTER    a model folder with a PEFT adapter      ./model+runs/a/adapter',
  'URL#MODEL         a server that tells log-probs           http://127.0.0.1:8080/v1#qwen3',
  'NAME=any of these gives it a name in the table            tuned=./model+runs/a/adapter',
];

/**
 * Reads the values of `model` and `adapter`, the latter on the one model folder. Throws WhetstoneError
 * `INVALID_OPTION`: no such kind, a name that is no file name or stands for two models, adapters without one model.
 */
export function parseSubjects(models: readonly string[], adapters: readonly string[]): SubjectSpec[] {
  const subjects = models.map(parseSubject);
  if (adapters.length > 0) {
    const [base, ...others] = subjects;
    if (base?.kind !== 'local' || base.adapter !== null || others.length > 0) {
      throw new WhetstoneError(
        'INVALID_OPTION',
        `${option('adapter')} needs exactly one ${option('model')}, a folder`,
        {
          hint: `With several models join each adapter to its own:\n    ${subjectKinds.join('\n    ')}`,
        },
      );
    }
    for (const text of adapters) {
      const { name, rest } = named(text);
      subjects.push({
        name: checked(name ?? nameOf(rest), text),
        kind: 'local',
        model: base.model,
        adapter: rest,
      });
    }
  }
  const twice = subjects.find(({ name }, i) => subjects.findIndex((other) => other.name === name) < i);
  if (twice) {
    throw new WhetstoneError('INVALID_OPTION', `two models are called "${twice.name}"`, {
      hint: 'Give them names: base=./a/model,other=./b/model.',
    });
  }
  return subjects;
}

function parseSubject(text: string): SubjectSpec {
  const { name, rest } = named(text);
  if (/^https?:/i.test(rest)) {
    const served = parseServedModel(rest, 'model');
    return { name: checked(name ?? served.model.replaceAll('/', '-'), text), kind: 'server', served };
  }
  const plus = existsSync(rest) ? -1 : rest.indexOf('+');
  const model = plus < 0 ? rest : rest.slice(0, plus);
  const adapter = plus < 0 ? null : rest.slice(plus + 1);
  if (model === '' || adapter === '') throw refused(text, 'expected FOLDER+ADAPTER');
  return { name: checked(name ?? nameOf(adapter ?? model), text), kind: 'local', model, adapter };
}

/** A name in front of "=", if what stands there could be one: paths and URLs may have "=" further back. */
function named(text: string): { readonly name: string | null; readonly rest: string } {
  const [, name, rest = ''] = /^([^=/\\:]+)=([^]*)$/.exec(text) ?? [];
  if (name === undefined || existsSync(text)) return { name: null, rest: text };
  if (rest === '') throw refused(text, 'nothing follows the name');
  return { name, rest };
}

/** "runs/a/adapter" is called "a". */
const nameOf = (folder: string): string => {
  const path = resolve(folder);
  return basename(path) === 'adapter' ? basename(dirname(path)) : basename(path);
};

function checked(name: string, text: string): string {
  if (/^[\w.@-][\w.@ -]{0,79}$/.test(name) && !/^\.+$/.test(name)) return name;
  throw refused(text, `"${name}" is no name: letters, digits and _ . @ - only`);
}

const refused = (text: string, what: string): WhetstoneError =>
  new WhetstoneError('INVALID_OPTION', `model ${JSON.stringify(text)}: ${what}`, {
    hint: `A model is one of\n    ${subjectKinds.join('\n    ')}`,
  });
