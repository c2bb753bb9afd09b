// What runs tell TensorBoard, read back with protobuf's own reader and by TensorBoard's rule that a session's start drops
// what older files have of its steps. That the frames and events are TensorBoard's is src/tensorboard's test.
import { mkdtemp, readFile, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BinaryReader } from '@bufbuild/protobuf/wire';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { align } from '../src/alignment/align.ts';
import type { AlignOptions } from '../src/alignment/align.ts';
import { alignOnline } from '../src/alignment/online/online.ts';
import { scriptedJudge } from '../src/judges/scripted-judge.test-helper.ts';
import { openFakeEngine } from './cli/fake-engine.ts';
import { judgedRows, writeJsonl, writeTinyModel } from './cli/fixtures.ts';

let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'whetstone-events-'));
  await writeTinyModel(join(dir, 'model'));
  await writeJsonl(join(dir, 'data.jsonl'), judgedRows(24));
  await writeJsonl(
    join(dir, 'tasks.jsonl'),
    judgedRows(40).map(({ instruction }) => ({ instruction })),
  );
});
afterAll(() => rm(dir, { recursive: true, force: true }));

const openEngine = openFakeEngine();

interface Event {
  readonly step: number;
  readonly start: boolean;
  readonly scalars: Readonly<Record<string, number>>;
}

function* recordsIn(bytes: Buffer): Generator<Uint8Array> {
  for (let at = 0; at < bytes.length;) {
    const length = Number(bytes.readBigUInt64LE(at));
    yield bytes.subarray(at + 12, at + 12 + length);
    at += 16 + length;
  }
}

/** The fields of a message, by number; messages in it stay bytes. */
function fieldsOf(bytes: Uint8Array): { no: number; value: number | Uint8Array }[] {
  const reader = new BinaryReader(bytes);
  const found: { no: number; value: number | Uint8Array }[] = [];
  while (reader.pos < reader.len) {
    const [no, wire] = reader.tag();
    const value = [
      () => Number(reader.int64()),
      () => reader.double(),
      () => reader.bytes(),
      null,
      null,
      () => reader.float(),
    ][wire]!();
    found.push({ no, value });
  }
  return found;
}

function eventOf(bytes: Uint8Array): Event {
  const fields = fieldsOf(bytes);
  const one = (no: number): number | Uint8Array | undefined => fields.find((field) => field.no === no)?.value;
  const summary = one(5) as Uint8Array | undefined;
  const values = summary ? fieldsOf(summary).map(({ value }) => fieldsOf(value as Uint8Array)) : [];
  return {
    step: (one(2) as number | undefined) ?? 0,
    start: one(7) !== undefined,
    scalars: Object.fromEntries(
      values.map((value) => [
        new TextDecoder().decode(value.find(({ no }) => no === 1)!.value as Uint8Array),
        value.find(({ no }) => no === 2)!.value as number,
      ]),
    ),
  };
}

/** For each tag its steps with their values, as TensorBoard shows them. */
async function shown(folder: string): Promise<Map<string, [number, number][]>> {
  const tags = new Map<string, [number, number][]>();
  for (const name of (await readdir(folder)).sort()) {
    for (const record of recordsIn(await readFile(join(folder, name)))) {
      const { step, start, scalars } = eventOf(record);
      if (start)
        for (const [tag, points] of tags)
          tags.set(
            tag,
            points.filter(([at]) => at < step),
          );
      for (const [tag, value] of Object.entries(scalars))
        tags.set(tag, [...(tags.get(tag) ?? []), [step, value]]);
    }
  }
  return tags;
}

/** Takes so many steps of a run and leaves it, with a checkpoint where `keep` says so. */
async function steps(options: AlignOptions, most = Infinity): Promise<void> {
  const run = align(options);
  try {
    for await (const { step } of run) if (step >= most) break;
  } finally {
    await run.dispose();
  }
}

it('align tells every step once, however often it was stopped', async () => {
  const [out, loggingDir] = [join(dir, 'run'), join(dir, 'tb')];
  const settings = { model: join(dir, 'model'), data: join(dir, 'data.jsonl'), batchSize: 4, warmupSteps: 0 };
  await steps({ ...settings, out, loggingDir, openEngine }, 2);
  // What a session logged that was killed before its next checkpoint.
  const killed = await import('../src/tensorboard/index.ts').then(({ openEventLog }) =>
    openEventLog(loggingDir),
  );
  await killed.start(3);
  await killed.add(3, { 'train/loss': 99 });
  await killed.add(4, { 'train/loss': 99 });
  await killed.close();
  await steps({ out, resume: true, openEngine });

  const metrics = (await readFile(join(out, 'metrics.jsonl'), 'utf8')).trimEnd().split('\n');
  const lines = metrics.map((line) => JSON.parse(line) as Record<string, number>);
  expect(lines).toHaveLength(6);
  const tags = await shown(loggingDir);
  for (const [tag, name] of [
    ['train/loss', 'loss'],
    ['train/loss_l1', 'loss_l1'],
    ['train/learning_rate', 'learning_rate'],
    ['train/grad_norm', 'grad_norm'],
    ['train/flagged_fraction', 'flagged_fraction'],
  ] as const)
    expect(tags.get(tag), tag).toEqual(lines.map((line) => [line['step'], Math.fround(line[name]!)]));
  expect(await readFile(join(out, 'run.yaml'), 'utf8')).toContain(`logging_dir: ${loggingDir}`);
});

it('a run without flags tells no flagged fraction, and one without the setting writes nothing', async () => {
  const loggingDir = join(dir, 'tb-likelihood');
  const settings = { model: join(dir, 'model'), data: join(dir, 'data.jsonl'), maxSteps: 1, warmupSteps: 0 };
  await steps({ ...settings, method: 'likelihood', loggingDir, openEngine });
  expect([...(await shown(loggingDir)).keys()]).not.toContain('train/flagged_fraction');
  const before = await readdir(dir);
  await steps({ ...settings, openEngine });
  expect(await readdir(dir)).toEqual(before);
});

it('online counts steps through the rounds, and has the held-out success at their ends', async () => {
  const [out, loggingDir] = [join(dir, 'online'), join(dir, 'tb-online')];
  const judgeWith = scriptedJudge(({ instruction }) =>
    /[02468]\b/.test(instruction) ? null : 'It is wrong.',
  );
  const run = alignOnline({
    ...{
      model: join(dir, 'model'),
      instructions: join(dir, 'tasks.jsonl'),
      judge: 'cmd:none',
      out,
      loggingDir,
    },
    ...{ rounds: 2, perRound: 10, evalSize: 5, batchSize: 2, maxNewTokens: 8, warmupSteps: 0 },
    ...{ openEngine, judgeWith },
  });
  const { before, rounds } = await run.run().finally(() => run.dispose());
  const ends = rounds.map(({ steps: own }) => own);
  const total = ends[0]! + ends[1]!;
  const tags = await shown(loggingDir);
  expect(tags.get('train/loss')!.map(([step]) => step)).toEqual(
    Array.from({ length: total }, (_, i) => i + 1),
  );
  expect(tags.get('train/round')!.map(([, round]) => round)).toEqual(
    ends.flatMap((own, i) => Array<number>(own).fill(i + 1)),
  );
  const rates = [before!, ...rounds.map(({ evaluation }) => evaluation!)].map(
    ({ successRate }) => successRate!,
  );
  expect(tags.get('eval/success_rate')).toEqual(
    [0, ends[0]!, total].map((step, i) => [step, Math.fround(rates[i]!)]),
  );
  expect(await readdir(loggingDir)).toHaveLength(1);
});
