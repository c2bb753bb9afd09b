// Which prompt template an adapter was trained with, in a file beside its configuration that PEFT does not read.
// Knows neither tokens nor Jinja.
import { basename, join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { writeFileDurably } from '../durable/files.ts';
import { WhetstoneError } from '../errors.ts';
import type { TemplateArgs } from './chat-template.ts';
import { adapterFolder } from '../runs/adapter-folder.ts';
import { option } from '../words/option.ts';
import { readText } from './tokenizer-config.ts';

/** The texts of a template, with the placeholders {instruction}, {input}, {output} and {judgment}. */
export interface TemplateStrings {
  /** Before a response at inference: {instruction}. */
  readonly plain: string;
  /** Before a response that a judgment fits: {instruction}, {judgment}. */
  readonly with_judgment: string;
  /** Before a judgment of a response: {instruction}, {output}. */
  readonly critique?: string;
  /** Before a better response: {instruction}, {output}, {judgment}. */
  readonly revision?: string;
  /** Before a response in the light of what was said to an earlier one: {instruction}, {judgment}; default a plain prompt that says so. */
  readonly with_next_message?: string;
  /** Stands for a judgment that finds nothing wrong; default "Perfect.". */
  readonly praise?: string;
}

/** A template as it can be loaded again: by its name, the variables it was given, and the strings of a file. */
export interface TemplateRecord {
  readonly template: string;
  readonly template_args?: TemplateArgs;
  readonly strings?: TemplateStrings;
}

const fileName = 'prompt_template.json';

/** Writes the record into an adapter's folder. */
export async function writeTemplateRecord(adapterDir: string, record: TemplateRecord): Promise<void> {
  await writeFileDurably(join(adapterDir, fileName), `${JSON.stringify(record, null, 2)}\n`);
}

/** The record in the folder of an adapter, or of the adapter of a run; null where there is none. Throws `BAD_TEMPLATE` where it cannot be read. */
export async function readTemplateRecord(adapter: string): Promise<TemplateRecord | null> {
  const file = join(await adapterFolder(adapter), fileName);
  const text = await readText(file);
  if (text === null) return null;
  const value = parse(text);
  if (value !== null) return value;
  throw new WhetstoneError('BAD_TEMPLATE', 'expected what align writes about the template of an adapter', {
    file,
    hint: `Remove this file, and say with the ${option('template')} which one the adapter was trained with.`,
  });
}

function parse(text: string): TemplateRecord | null {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  const { template, template_args: args, strings } = (value ?? {}) as Readonly<Record<string, unknown>>;
  const isRecord = (each: unknown): boolean =>
    typeof each === 'object' && each !== null && !Array.isArray(each);
  const right =
    typeof template === 'string' &&
    (args === undefined || isRecord(args)) &&
    (strings === undefined
      ? ['alpaca', 'chat'].includes(template)
      : isRecord(strings) && areStrings(strings));
  return right ? (value as TemplateRecord) : null;
}

function areStrings(strings: unknown): boolean {
  const { plain, with_judgment: judged } = strings as Readonly<Record<string, unknown>>;
  const others = Object.values(strings as object);
  return (
    typeof plain === 'string' &&
    typeof judged === 'string' &&
    others.every((each) => typeof each === 'string')
  );
}

/** Whether two records make the same prompts; the name of a file does not matter. */
export const sameTemplate = (a: TemplateRecord, b: TemplateRecord): boolean =>
  isDeepStrictEqual(prompting(a), prompting(b));

const prompting = ({ template, template_args: args = {}, strings }: TemplateRecord): unknown[] => [
  strings === undefined ? template : null,
  strings ?? null,
  args,
];

/** "alpaca", "chat with enable_thinking=false", "the file layout.yaml". */
export function describeTemplate({ template, template_args: args = {}, strings }: TemplateRecord): string {
  const given = Object.entries(args).map(([name, value]) => `${name}=${JSON.stringify(value)}`);
  const name = strings === undefined ? template : `the file ${basename(template)}`;
  return given.length === 0 ? name : `${name} with ${given.join(', ')}`;
}
