// Hostile folders of a model that learns: its record, its journal, its answers, the talk of the studio, and the adapters of
// its versions, as an earlier process is said to have left them.
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect } from 'vitest';
import { openAnswers } from '../../src/learning/answers.ts';
import { openLearningHistory } from '../../src/learning/events.ts';
import { openHome } from '../../src/learning/home.ts';
import { openLearning } from '../../src/learning/index.ts';
import { temporaryFolders } from '../../src/models/model-files.test-helper.ts';
import { openTranscript } from '../../src/studio/chat/transcript.ts';
import { openFakeEngine } from '../cli/fake-engine.ts';
import { judgedRows, writeTinyModel } from '../cli/fixtures.ts';
import { fuzz } from './fuzz.ts';
import { damaged, strange } from './inputs.ts';

const newFolder = temporaryFolders();
const model = newFolder();
await writeTinyModel(model);
const whole = join(newFolder(), 'home');
const options = { home: whole, model, template: 'alpaca', epochs: 1, openEngine: openFakeEngine() };
const learning = await openLearning(options);
for (const row of judgedRows(3)) await learning.judge(row);
await learning.withdraw('j3');
await learning.learn();
await learning.use(0);
learning.answers.add({ id: 'chatcmpl-1', instruction: 'Why?', output: 'So.', version: 0 });
await learning.close();

const jsonl = (lines: readonly object[]): Buffer =>
  Buffer.from(lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
const linesOf = (bytes: Buffer): object[] =>
  bytes
    .toString('utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as object);

/** Lines of a whole file with odd values in some fields, or in another order. */
const odd = (bytes: Buffer, fields: readonly string[]): fc.Arbitrary<Uint8Array> => {
  const lines = linesOf(bytes);
  const some = fc.dictionary(fc.constantFrom(...fields), strange, { maxKeys: 2 });
  return fc
    .array(fc.tuple(fc.constantFrom(...lines), some), { minLength: 1, maxLength: lines.length + 2 })
    .map((chosen) => jsonl(chosen.map(([line, changes]) => ({ ...line, ...changes }))));
};
/** One field of one line is odd, all else is as it was. */
const oneOdd = (bytes: Buffer): fc.Arbitrary<Uint8Array> => {
  const lines = linesOf(bytes);
  const places = lines.flatMap((line, at) => Object.keys(line).map((field) => ({ at, field })));
  return fc
    .tuple(fc.constantFrom(...places), strange)
    .map(([{ at, field }, value]) =>
      jsonl(lines.map((line, i) => (i === at ? { ...line, [field]: value } : line))),
    );
};

const events = readFileSync(join(whole, 'events.jsonl'));
const eventFields = [
  'event',
  'id',
  'version',
  'from',
  'judgments',
  'row',
  'at',
  'settings',
  'fixed',
  'drift',
];
const journal = join(newFolder(), 'events.jsonl');
fuzz('a model that learns: events.jsonl', {
  inputs: fc.oneof(damaged(events), oneOdd(events), odd(events, eventFields)),
  runs: 200,
  readOneIn: 20,
  read: async (bytes) => {
    writeFileSync(journal, bytes);
    const history = await openLearningHistory(journal, '2026-01-01T00:00:00.000Z', String);
    try {
      expect(history.versions.has(history.inUse())).toBe(true);
      expect(history.next()).toBeGreaterThan(0);
      const judgments = [...history.judgments.values(), ...history.fresh(), ...history.unseen()];
      for (const { id, output } of judgments)
        expect([typeof id, typeof output]).toEqual(['string', 'string']);
      for (const id of history.underWay()?.judgments ?? []) expect(history.judgments.has(id)).toBe(true);
    } finally {
      await history.close();
    }
  },
});

const answers = readFileSync(join(whole, 'answers.jsonl'));
const answered = join(newFolder(), 'answers.jsonl');
fuzz('a model that learns: answers.jsonl', {
  inputs: fc.oneof(damaged(answers), oneOdd(answers)),
  runs: 100,
  readOneIn: 20,
  read: async (bytes) => {
    writeFileSync(answered, bytes);
    const found = await openAnswers(answered, (error) => {
      throw error;
    });
    try {
      found.given({ instruction: 'Why?' }, 'So.');
      for (const { instruction } of found.asked()) expect(typeof instruction).toBe('string');
      for (const { output } of await found.named('chatcmpl-1')) expect(typeof output).toBe('string');
    } finally {
      await found.close();
    }
  },
});

const talk = jsonl([
  {
    ...{ event: 'answered', id: 'a1', before: [{ role: 'system', content: 'Brief.' }] },
    ...{ message: 'Why?', text: 'So.', version: 0, whole: true },
  },
  { event: 'skipped', answer: 'a1' },
  { event: 'not skipped', answer: 'a1' },
  { event: 'answered again', version: 1, answers: [{ judgment: 'j1', after: 'Thus.' }] },
  { event: 'begun anew' },
]);
const talked = join(newFolder(), 'chat.jsonl');
const talkFields = ['event', 'id', 'before', 'message', 'text', 'version', 'whole', 'answer', 'answers'];
fuzz('the studio: chat.jsonl', {
  inputs: fc.oneof(damaged(talk), oneOdd(talk), odd(talk, talkFields)),
  runs: 100,
  readOneIn: 20,
  read: async (bytes) => {
    writeFileSync(talked, bytes);
    const transcript = await openTranscript(talked);
    try {
      for (const { id, before, message, text } of transcript.exchanges()) {
        expect([id, message, text].map((each) => typeof each)).toEqual(['string', 'string', 'string']);
        for (const { content } of before) expect(typeof content).toBe('string');
      }
      for (const { judgment, after } of transcript.again(1)?.answers ?? [])
        expect([typeof judgment, typeof after]).toEqual(['string', 'string']);
    } finally {
      await transcript.close();
    }
  },
});

const record = readFileSync(join(whole, 'home.json'));
const homed = newFolder();
fuzz('a model that learns: home.json', {
  inputs: fc.oneof(damaged(record), oneOddIn(record)),
  runs: 50,
  readOneIn: 30,
  read: async (bytes) => {
    writeFileSync(join(homed, 'home.json'), bytes);
    const home = await openHome({ home: homed });
    try {
      expect([typeof home.settings.model, typeof home.settings.epochs]).toEqual(['string', 'number']);
    } finally {
      await home.release();
    }
  },
});

/** A record, and those within it, with an odd value in one place. */
function oneOddIn(bytes: Buffer): fc.Arbitrary<Uint8Array> {
  const value = JSON.parse(bytes.toString('utf8')) as Record<string, Record<string, unknown>>;
  const places = Object.entries(value).flatMap(([outer, inner]) => [
    [outer],
    ...(typeof inner === 'object' && inner !== null ? Object.keys(inner).map((name) => [outer, name]) : []),
  ]);
  return fc.tuple(fc.constantFrom(...places), strange).map(([[outer, inner], instead]) => {
    const changed = inner === undefined ? instead : { ...value[outer!], [inner]: instead };
    return Buffer.from(JSON.stringify({ ...value, [outer!]: changed }));
  });
}

const files = ['adapter_config.json', 'adapter_model.safetensors', 'prompt_template.json'];
const opened = join(newFolder(), 'home');
fuzz('a model that learns: a version', {
  inputs: fc
    .constantFrom(...files)
    .chain((name) =>
      damaged(readFileSync(join(whole, 'versions', '1', name))).map((bytes) => ({ name, bytes })),
    ),
  runs: 5,
  readOneIn: 30,
  read: async ({ name, bytes }) => {
    rmSync(opened, { recursive: true, force: true });
    mkdirSync(opened);
    cpSync(whole, opened, { recursive: true });
    writeFileSync(join(opened, 'versions', '1', name), bytes);
    const again = await openLearning({ home: opened, openEngine: openFakeEngine() });
    try {
      expect(again.inUse().version).toBe(0);
      // Whatever became of it, the others are there.
      await again.use(1).catch((error: unknown) => {
        expect(again.present().version).toBe(0);
        throw error;
      });
    } finally {
      await again.close();
    }
  },
});
