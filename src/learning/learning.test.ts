// A model that learns while it answers, from its first judgment to a return: what is kept, what takes over, who is still
// answered by which version, and that a stop or a second opening changes nothing of it.
import { readFile, rm, mkdtemp, appendFile, mkdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { respond, withModel } from '../generation/index.ts';
import type { Engine, OpenEngine } from '../engine/engine.ts';
import { openEngine } from '../engine/index.ts';
import { openLearning } from './index.ts';
import type { Learning, LearningOptions } from './index.ts';

const model = fileURLToPath(new URL('../../models/world-64', import.meta.url));
const template = join(model, 'template.json');
let dir: string;
const open: Learning[] = [];
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'whetstone-learning-'));
});
afterEach(async () => {
  for (const learning of open.splice(0)) await learning.close();
});
afterAll(() => rm(dir, { recursive: true, force: true }));

const home = (name: string): string => join(dir, name);
async function start(name: string, options: Partial<LearningOptions> = {}): Promise<Learning> {
  const learning = await openLearning({ home: home(name), model, template, epochs: 3, ...options });
  open.push(learning);
  return learning;
}
const row = (n: number): { instruction: string; output: string; judgment: string } => ({
  instruction: `What is ${n} plus ${n + 1}?`,
  output: `${n} plus ${n + 1} is ${n}.`,
  judgment: `The sum is wrong: it is ${2 * n + 1}.`,
});
const prompts = [3, 7, 11].map((n) => ({ instruction: row(n).instruction }));
const textsOf = async (speaker: Parameters<typeof respond>[0]): Promise<string[]> =>
  (await respond(speaker, prompts, { maxNewTokens: 16 })).map(({ text }) => text);
const adapterBytes = (name: string, version: number): Promise<string> =>
  readFile(join(home(name), 'versions', String(version), 'adapter_model.safetensors'), 'base64');
const judgeSome = async (learning: Learning, count: number, from = 0): Promise<void> => {
  await Promise.all(Array.from({ length: count }, (_, i) => learning.judge(row(from + i))));
};

describe('a model that learns', () => {
  it('is not opened where there is no memory for training beside its answers', async () => {
    const openShort: OpenEngine = async (options) => {
      const engine = await openEngine(options);
      const estimateMemory: Engine['estimateMemory'] = (work) => ({
        ...engine.estimateMemory(work),
        ...(work.kind === 'train' && { activations: 1e18 }),
      });
      return { ...engine, estimateMemory };
    };
    await expect(start('short', { openEngine: openShort })).rejects.toMatchObject({
      code: 'NOT_ENOUGH_MEMORY',
    });
  });

  it('keeps judgments, learns from the fresh ones, lets the new version take over, and can go back', async () => {
    const learning = await start('whole');
    expect(learning.inUse()).toMatchObject({ version: 0, adapter: null, from: null });
    const judged = await learning.judge({ ...row(1), spans: [[0, 1]], by: 'Ada', answer: 'chatcmpl-1' });
    expect(judged).toMatchObject({ id: 'j1', by: 'Ada', spans: [[0, 1]], withdrawn: null });
    await judgeSome(learning, 5, 2);
    await learning.withdraw('j6');
    expect(learning.fresh().map(({ id }) => id)).toEqual(['j1', 'j2', 'j3', 'j4', 'j5']);

    const held = learning.present();
    const letGo = held.hold();
    const before = await textsOf(held);
    const phases = new Set<string>();
    const news: string[] = [];
    learning.on(({ kind }) => void news.push(kind));
    const version = await learning.learn({ onProgress: ({ phase }) => void phases.add(phase) });
    expect([...phases]).toEqual(['training', 'comparing']);
    expect(news.filter((kind) => kind !== 'progress')).toEqual(['using', 'learned']);
    expect(version).toMatchObject({
      version: 1,
      from: 0,
      judgments: ['j1', 'j2', 'j3', 'j4', 'j5'],
      heldBack: null,
    });
    expect(version.steps).toBe(6);
    expect(version.drift).toMatchObject({ source: 'built-in' });
    const rows = (await readFile(join(home('whole'), 'trainings', '1.jsonl'), 'utf8')).split('\n');
    expect(JSON.parse(rows[0]!)).toMatchObject({ id: 'j1', errors: [{ start: 0, end: 1 }] });
    expect(JSON.parse(rows[1]!)).not.toHaveProperty('errors');
    const run = await readFile(join(home('whole'), 'trainings', '1', 'run.yaml'), 'utf8');
    expect(run).toContain('flagged_by: marks');
    expect(version.drift!.mean_kl).toBeGreaterThan(0);

    // Who began with the version before ends with it; who begins now has the new one, as generate gives it.
    expect(learning.present().version).toBe(1);
    expect(learning.present().fingerprint).not.toBe(held.fingerprint);
    expect(await textsOf(held)).toEqual(before);
    letGo();
    await expect(textsOf(held)).rejects.toMatchObject({ code: 'ENGINE_DISPOSED' });
    const after = await withModel({ model, template: null, adapter: version.adapter }, textsOf);
    expect(await textsOf(learning.present())).toEqual(after);

    await expect(learning.learn()).rejects.toMatchObject({ code: 'UNSUITABLE_DATA' });
    expect(learning.canLearn()).toBe(false);
    await learning.use(0);
    expect(await textsOf(learning.present())).toEqual(before);
    expect(learning.fresh()).toHaveLength(5);
    expect(learning.unseen()).toHaveLength(0);
    await expect(learning.use(7)).rejects.toMatchObject({ code: 'NO_SUCH_VERSION' });
  });

  it('stops and goes on to the same bytes as a training that was not stopped', async () => {
    const whole = await start('straight', {});
    await judgeSome(whole, 6);
    await whole.learn();
    let learning = await start('stopped');
    await judgeSome(learning, 6);
    const stop = new AbortController();
    const learn = learning.learn({
      signal: stop.signal,
      onProgress: ({ done }) => void (done === 2 && stop.abort()),
    });
    await expect(learn).rejects.toMatchObject({ code: 'STOPPED' });
    await learning.judge(row(20));
    await learning.close();
    // Settings that hold from now on do not change what was begun.
    learning = await start('stopped', { epochs: 9, model: undefined, template: undefined });
    expect(learning.unfinished()).toMatchObject({ version: 1 });
    expect(await learning.learn()).toMatchObject({ version: 1, steps: 6 });
    expect(await adapterBytes('stopped', 1)).toBe(await adapterBytes('straight', 1));
    expect(learning.fresh().map(({ id }) => id)).toEqual(['j7']);
  });

  it('keeps a version that goes too far, and does not use it', async () => {
    const learning = await start('far', { maxDrift: 1e-9 });
    await judgeSome(learning, 4);
    const version = await learning.learn();
    expect(version.heldBack).toMatch(
      /^mean KL of [\d.e-]+ nats a token over the fixed prompts, above max_drift 1e-9$/,
    );
    expect(learning.present().version).toBe(0);
    // A person may use it all the same.
    expect(await learning.use(1)).toBe(learning.versions()[1]);
    expect(learning.present().version).toBe(1);
  });

  it('takes a judgment with an id once, and refuses what cannot be learned from', async () => {
    const learning = await start('ids');
    const both = await Promise.all([
      learning.judge({ ...row(1), id: 'a' }),
      learning.judge({ ...row(1), id: 'a' }),
    ]);
    expect(both[0]).toEqual(both[1]);
    expect(learning.judgments()).toHaveLength(1);
    await expect(learning.judge({ ...row(2), id: 'a' })).rejects.toMatchObject({ code: 'JUDGMENT_EXISTS' });
    await expect(learning.judge({ ...row(2), output: '' })).rejects.toMatchObject({ code: 'INVALID_ROWS' });
    await expect(learning.judge({ ...row(2), spans: [[0, 99]] })).rejects.toMatchObject({
      code: 'INVALID_OPTIONS',
    });
    await expect(learning.withdraw('b')).rejects.toMatchObject({ code: 'NO_SUCH_JUDGMENT' });
    // Praise alone is nothing that CUT could learn from.
    await learning.withdraw('a');
    await learning.judge({ ...row(3), judgment: null });
    expect(learning.canLearn()).toBe(false);
  });

  it('comes back to what it was, without the line that a kill cut off', async () => {
    let learning = await start('again');
    await judgeSome(learning, 4);
    await learning.learn();
    await learning.judge({ ...row(9), before: [{ role: 'system', content: 'Brief.' }] });
    await learning.withdraw('j2');
    const known = [learning.judgments(), learning.versions(), learning.inUse()];
    await learning.close();
    await appendFile(join(home('again'), 'events.jsonl'), '{"event":"used","ver');
    const notes: string[] = [];
    learning = await start('again', { onNote: ({ code }) => void notes.push(code) });
    expect(notes).toEqual(['JOURNAL_REPAIRED']);
    expect([learning.judgments(), learning.versions(), learning.inUse()]).toEqual(known);
    await expect(openLearning({ home: home('again') })).rejects.toMatchObject({ code: 'RUN_LOCKED' });
  });

  it('goes on from an adapter, and refuses another one, another model and what is no home', async () => {
    const first = await start('first');
    await judgeSome(first, 4);
    const { adapter } = await first.learn();
    const learning = await start('from', { adapter: adapter!, template: null });
    expect(learning.inUse().adapter).toBe(join(home('from'), 'versions', '0'));
    expect(await textsOf(learning.present())).toEqual(await textsOf(first.present()));
    await judgeSome(learning, 4, 30);
    expect(await learning.learn()).toMatchObject({ version: 1, from: 0 });
    await learning.close();
    const other = { code: 'RESUME_MISMATCH' };
    await expect(openLearning({ home: home('from'), adapter: null })).rejects.toMatchObject(other);
    await expect(openLearning({ home: home('from'), template: 'alpaca' })).rejects.toMatchObject(other);
    const world96 = model.replace('world-64', 'world-96');
    await expect(openLearning({ home: home('from'), model: world96 })).rejects.toMatchObject(other);
    await mkdir(home('foreign'));
    await writeFile(join(home('foreign'), 'notes.txt'), 'mine');
    await expect(openLearning({ home: home('foreign'), model })).rejects.toMatchObject({
      code: 'NOT_A_HOME',
    });
    await expect(openLearning({ home: home('none') })).rejects.toMatchObject({ code: 'INVALID_OPTIONS' });
  });
});
