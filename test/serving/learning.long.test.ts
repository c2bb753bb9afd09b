// A model that learns while it is served, from outside: the official client asks without a pause while three trainings end
// and their versions take over. Every answer is whole, and is what `generate` gives with the adapter of one version.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildCli } from '../cli/command.ts';
import type { Cli } from '../cli/command.ts';
import { serve } from './serve.ts';
import type { Serving } from './serve.ts';

const model = fileURLToPath(new URL('../../models/world-64', import.meta.url));
const template = join(model, 'template.json');
const words = ['river', 'stone', 'lamp', 'garden'];
const prompts = [
  ...words.map((word) => `Say ${word} three times.`),
  ...['Name the capital of Poland.', 'List two birds.', 'Convert 3 days into hours.', 'What is 4 plus 9?'],
];
/** Answers end where the model ends them, or are kept from that, so that many are under way for long. */
const lengths = { short: { max: 40, min: 0 }, long: { max: 80, min: 80 } } as const;
type Length = keyof typeof lengths;
const perTraining = 6;
const atOnce = 6;
/** The answers of every version to every prompt, by `generate`. */
type Expected = Readonly<Record<Length, readonly string[]>>;

let dir: string;
let cli: Cli;
let server: Serving;
const home = (): string => join(dir, 'mine');
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'whetstone-served-learning-'));
  cli = await buildCli('real');
  await writeFile(join(dir, 'prompts.txt'), `${prompts.join('\n')}\n`);
  await writeFile(join(dir, 'learn.yaml'), 'learning_rate: 0.01\nepochs: 4\nbatch_size: 4\n');
  server = await serve(cli, [
    ...['--model', model, '--template', template, '--learn', home(), '--record', join(dir, 'chats.jsonl')],
    ...['--learn_config', join(dir, 'learn.yaml'), '--learn_after', String(perTraining)],
    ...['--learn_patience', '0.2'],
  ]);
});
afterAll(async () => {
  server?.child.kill('SIGKILL');
  await cli?.remove();
  await rm(dir, { recursive: true, force: true });
});

interface Answer {
  readonly prompt: number;
  readonly length: Length;
  readonly streamed: boolean;
  readonly completion: string;
  readonly fingerprint: string;
  /** Those of its choices. */
  readonly texts: readonly string[];
  readonly began: number;
  readonly ended: number;
}

/** The request with this number: of every kind of prompt, length and way of answering. */
async function ask(number: number): Promise<Answer> {
  const prompt = number % prompts.length;
  const length = number % 3 === 0 ? 'long' : 'short';
  const streamed = number % 4 < 2;
  const { max, min } = lengths[length];
  const request = {
    ...{ model: 'mine', temperature: 0, max_tokens: max, min_tokens: min, n: number % 5 === 0 ? 2 : 1 },
    messages: [{ role: 'user' as const, content: prompts[prompt]! }],
  };
  const began = performance.now();
  const about = (
    { id, system_fingerprint }: { id: string; system_fingerprint?: string | null },
    texts: string[],
  ): Answer => ({
    ...{ prompt, length, streamed, texts, began, ended: performance.now() },
    ...{ completion: id, fingerprint: system_fingerprint! },
  });
  if (!streamed) {
    const whole = await server.client.chat.completions.create(request);
    return about(
      whole,
      whole.choices.map(({ message }) => message.content!),
    );
  }
  const texts = Array.from({ length: request.n }, () => '');
  const fingerprints = new Set<string>();
  let first: { id: string; system_fingerprint?: string | null } | null = null;
  let ends = 0;
  for await (const chunk of await server.client.chat.completions.create({ ...request, stream: true })) {
    first ??= chunk;
    fingerprints.add(chunk.system_fingerprint!);
    for (const { index, delta, finish_reason } of chunk.choices) {
      texts[index] += delta.content ?? '';
      if (finish_reason !== null) ends++;
    }
  }
  expect(ends).toBe(request.n);
  expect(fingerprints.size).toBe(1);
  return about(first!, texts);
}

const generated = async (adapter: readonly string[], { max, min }: (typeof lengths)[Length]) => {
  const { stdout, stderr, code } = await cli.call([
    ...['generate', '--model', model, '--template', template, '--file', join(dir, 'prompts.txt')],
    ...[...adapter, '--max_new_tokens', String(max), '--min_tokens', String(min), '--out', '-', '--quiet'],
  ]);
  expect([code, stderr]).toEqual([0, '']);
  return stdout
    .trimEnd()
    .split('\n')
    .map((line) => (JSON.parse(line) as { output: string }).output);
};
const expectedOf = async (version: number): Promise<Expected> => {
  const adapter = version === 0 ? [] : ['--adapter', join(home(), 'versions', String(version))];
  return { short: await generated(adapter, lengths.short), long: await generated(adapter, lengths.long) };
};

interface VersionBody {
  readonly version: number;
  readonly in_use: boolean;
  readonly judgments: number;
}
const versions = async (): Promise<readonly VersionBody[]> =>
  (await server.client.get<{ data: VersionBody[] }>('/versions')).data;

describe('a model that learns while it is served', () => {
  it('answers 200 requests and more over three swaps: each whole, by one version, as generate does', async () => {
    const answers: Answer[] = [];
    /** When each version was begun to be trained, and when it took over, by what the process says. */
    const trained = new Map<string, { readonly began: number; ended: number }>();
    let told = '';
    const listen = (part: string): void => {
      told += part;
      for (const [, version] of told.matchAll(/Version (\d+) learns from/g))
        if (!trained.has(version!)) trained.set(version!, { began: performance.now(), ended: Infinity });
      for (const [, version] of told.matchAll(/answered by version (\d+) from now on/g)) {
        const training = trained.get(version!)!;
        training.ended = Math.min(training.ended, performance.now());
      }
    };
    server.child.stderr!.on('data', listen);
    const swaps = (): number => [...trained.values()].filter(({ ended }) => ended < Infinity).length;

    // Judgments of answers that were given, six for each version, when the one before is in use.
    let judged = 0;
    const judge = async (): Promise<void> => {
      for (let version = 1; version <= 3; version++) {
        while (swaps() < version - 1 || answers.length < 20 * version) await sleep(5);
        for (const { completion, prompt } of answers.slice(-perTraining))
          await server.client.post('/judgments', {
            body: {
              completion_id: completion,
              judgment: `The answer to "${prompts[prompt]}" is wrong ${++judged} times.`,
            },
          });
      }
    };
    let asked = 0;
    const one = async (): Promise<void> => {
      while (asked < 200 || swaps() < 3 || answers.at(-1)!.began < trained.get('3')!.ended)
        answers.push(await ask(asked++));
    };
    // A request that fails rejects here.
    await Promise.all([judge(), ...Array.from({ length: atOnce }, one)]);
    server.child.stderr!.off('data', listen);

    expect(answers.length).toBeGreaterThanOrEqual(200);
    expect(await versions()).toMatchObject([
      { version: 0, judgments: 0 },
      ...[1, 2, 3].map((version) => ({ version, judgments: perTraining, in_use: version === 3 })),
    ]);
    const expected = await Promise.all([0, 1, 2, 3].map(expectedOf));
    // Else a mixture of two would not be noticed.
    for (const [i, { long }] of expected.entries())
      for (const other of expected.slice(i + 1))
        expect(long.filter((text, n) => text === other.long[n]).length).toBeLessThan(prompts.length / 2);

    // What each fingerprint stands for is told by going to the version; its answers are what they were.
    const versionOf = new Map<string, number>();
    for (const version of [2, 0, 3, 1]) {
      await server.client.post(`/versions/${version}/use`);
      for (const { fingerprint, texts, prompt, length } of await Promise.all(prompts.map((_, i) => ask(i)))) {
        expect(texts).toEqual(texts.map(() => expected[version]![length][prompt]));
        versionOf.set(fingerprint, version);
      }
    }
    expect(versionOf.size).toBe(4);

    const counts = [0, 0, 0, 0];
    for (const { fingerprint, texts, prompt, length } of answers) {
      const version = versionOf.get(fingerprint)!;
      counts[version]!++;
      expect(texts).toEqual(texts.map(() => expected[version]![length][prompt]));
    }
    for (const count of counts) expect(count).toBeGreaterThan(0);
    // Answers came while each version was trained; some had begun with the one before, and ended with it.
    let over = 0;
    for (const [version, { began, ended }] of trained) {
      expect(answers.some((each) => each.ended > began && each.ended < ended)).toBe(true);
      over += answers.filter(
        (each) =>
          versionOf.get(each.fingerprint) === Number(version) - 1 && each.began < ended && each.ended > ended,
      ).length;
    }
    expect(over).toBeGreaterThan(0);
    process.stdout.write(
      `${answers.length} answers, by version ${counts.join(', ')}; ${over} were under way at a swap\n`,
    );

    server.child.kill('SIGTERM');
    expect((await server.finished).code).toBe(0);
    const recorded = (await readFile(join(dir, 'chats.jsonl'), 'utf8'))
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as { model: string; response: string });
    const said = recorded.map(({ model: name, response }) => `${name}: ${response}`);
    const again = [2, 0, 3, 1].flatMap((version) =>
      prompts.flatMap((_, i) => {
        const [length, n] = [i % 3 === 0 ? 'long' : 'short', i % 5 === 0 ? 2 : 1] as const;
        return Array.from({ length: n }, () => expected[version]![length][i % prompts.length]!);
      }),
    );
    const heard = [...answers.flatMap(({ texts }) => texts), ...again].map((text) => `mine: ${text}`);
    expect(said.sort()).toEqual(heard.sort());
  });
});
