// Cards of made-up runs against the committed ones, whose metadata test/golden/cards.py read with huggingface_hub.
import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse } from 'yaml';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parseLicence } from './base-card.ts';
import { cardFile, isUntouched, writeCard } from './card-file.ts';
import { cardMetadata, modelCard } from './model-card.ts';
import type { CardFacts } from './model-card.ts';
import type { Trained } from './trained.ts';

const trained: Trained = {
  adapter: '/home/somebody/runs/first/adapter',
  base: 'ink/well-135M',
  folder: '/home/somebody/.cache/models--ink--well-135M',
  name: 'first',
  rank: 16,
  alpha: 16,
  rankStabilized: false,
  modelType: 'llama',
  template: { template: 'alpaca' },
  templateOption: 'alpaca',
  prompt: (instruction) => `### Instruction:\n${instruction}\n\n### Response:\n`,
  ends: ['</s>'],
  begin: '<s>',
};

const full: CardFacts = {
  trained,
  baseId: 'ink/well-135M',
  licence: { license: 'other', license_name: 'ink-licence: 1', license_link: 'https://ink.example/licence' },
  data: {
    name: 'judged.jsonl',
    hubId: 'ink/judgments',
    digest: 'sha256:00ff',
    rows: { satisfactory: 1, unsatisfactory: 2 },
  },
  method: { name: 'cut', title: 'Contrastive Unlikelihood Training: away from what a judgment is about' },
  report: {
    summary:
      'The method "cut" trained an adapter of well-135M on the judged responses of judged.jsonl, in 3 steps.',
    headline: {
      success: {
        before: { value: 0.34, low: 0.3, high: 0.381 },
        after: { value: 0.978, low: 0.965, high: 0.99 },
        of: 'held-out instructions with a greedy response that the judge found satisfactory',
        interval: '95% intervals of the bootstrap over instructions',
      },
      changes: {
        of: [
          { label: 'What judgments are about', before: 0.636, after: 0.124, note: '41 tokens' },
          { label: 'The rest | of these', before: 0.9, after: 0.91, note: '512 tokens' },
        ],
        note: 'Measured on 32 responses of held-out.jsonl.',
      },
    },
    settings: {
      data: '/home/somebody/judged.jsonl',
      model: 'ink/well-135M',
      method: 'cut',
      lambda: 1.1,
      judge: 'C:\\judges\\my`judge.py',
      seed: 42,
    },
    keySettings: ['data', 'model', 'method', 'lambda', 'judge'],
    notes: [],
    provenance: { versions: { whetstone: '0.1.0', 'onnxruntime-node': '1.30.0' } },
  },
  heldOut: 'held-out.jsonl',
  evaluated: [
    {
      task: 'arc_challenge',
      metric: 'acc_norm',
      text: '60.8% ± 1.4',
      cell: { value: 0.6084, stderr: 0.014, scored: 1172, total: 1172, interval: null, difference: null },
    },
  ],
};

/** A folder as base, a method from outside, rows that are gone, nothing measured. */
const bare: CardFacts = {
  ...full,
  trained: {
    ...trained,
    base: '/home/somebody/models/world-128',
    rank: 1024,
    rankStabilized: true,
    template: { template: 'mine.json' },
    templateOption: '/home/somebody/mine.json',
  },
  baseId: null,
  licence: {},
  data: { name: 'judged.jsonl', hubId: null, digest: null, rows: null },
  method: { name: 'mine', title: '' },
  report: { settings: { data: './x/judged.jsonl', rate: 1e-4 } },
  heldOut: null,
  evaluated: [],
};

const golden = new URL('../../test/golden/cards/', import.meta.url);
const read = (name: string): Promise<string> => readFile(new URL(name, golden), 'utf8');

describe.each([
  ['full', full],
  ['bare', bare],
] as const)('the card of %s facts', (name, facts) => {
  it('is the committed one, whose metadata huggingface_hub reads as they are meant', async () => {
    const card = modelCard(facts);
    await expect(card).toMatchFileSnapshot(new URL(`${name}.md`, golden).pathname);
    const read0 = JSON.parse(await read('read.json')) as Record<string, Record<string, unknown>>;
    const { metadata, text_sha256: digest } = read0[name] as { metadata: object; text_sha256: string };
    expect(metadata).toEqual(cardMetadata(facts));
    const text = card.slice(card.indexOf('\n---\n') + '\n---\n'.length);
    expect(createHash('sha256').update(text).digest('hex')).toBe(digest);
  });

  it("shows no one's folders", () => {
    expect(modelCard(facts)).not.toMatch(/somebody|C:\\/);
  });
});

it('leaves out of the index what was measured on rows that were trained on', () => {
  const tasks = (facts: CardFacts): unknown =>
    (cardMetadata(facts)['model-index'] as { results: { dataset: { name: string } }[] }[])[0]!.results.map(
      ({ dataset }) => dataset.name,
    );
  expect(tasks(full)).toEqual(['held-out instructions', 'held-out.jsonl', 'arc_challenge']);
  expect(tasks({ ...full, heldOut: null })).toEqual(['held-out instructions', 'arc_challenge']);
});

it.each([
  ['---\nlicense: mit\n---\n# A', { license: 'mit' }],
  [
    '\uFEFF---\r\nlicense: mit\r\nlicense_link: LICENSE\r\n---\r\n',
    { license: 'mit', license_link: 'LICENSE' },
  ],
  ['---\nlicense: [mit]\n---\n', {}],
  ['---\nlicense: "\n---\n', {}],
  ['---\nlicense_name: x\n---\n', {}],
  ['# no front matter\nlicense: mit\n', {}],
  ['---\nlicense: mit\n', {}],
])('reads the licence of %j', (card, licence) => {
  expect(parseLicence(card)).toEqual(licence);
});

describe('writeCard', () => {
  let dir: string;
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'whetstone-card-'));
  });
  afterEach(() => rm(dir, { recursive: true, force: true }));

  it('writes anew what it wrote itself, and leaves what was edited', async () => {
    expect(await writeCard(dir, modelCard(bare))).toBe(true);
    expect(await writeCard(dir, modelCard(full))).toBe(true);
    const own = await readFile(cardFile(dir), 'utf8');
    expect(own.startsWith(modelCard(full))).toBe(true);
    expect(isUntouched(own)).toBe(true);
    expect(parse(own.split('\n---\n')[0]!.slice(4))).toEqual(cardMetadata(full));
    for (const edited of [own.replace('# first', '# mine'), `${own}More.\n`, '# mine\n', '']) {
      await writeFile(cardFile(dir), edited);
      expect(await writeCard(dir, modelCard(bare))).toBe(false);
      expect(await readFile(cardFile(dir), 'utf8')).toBe(edited);
    }
  });
});
