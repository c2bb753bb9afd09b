// The models that come with the project, as transformers reads them: same tokens, same log-probs.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openEngine } from '../../src/engine/index.ts';
import { encodeTriplet, loadTemplate, loadTokenizer } from '../../src/tokens/index.ts';
import { worldTemplate, worldTokenizerFiles } from '../../lab/world/index.ts';
import type { WorldModel } from '../../lab/world/model.ts';
import { poorReader, worldModelDir, worldModelWidths } from '../../lab/world/model.ts';
import { maxDifference } from './golden.ts';

interface GoldenRow {
  readonly instruction: string;
  readonly judgment: string | null;
  readonly response: string;
  readonly ids: number[];
  readonly response_start: number;
  readonly logprobs: number[];
}

const golden = JSON.parse(readFileSync(new URL('world.json', import.meta.url), 'utf8')) as Record<
  string,
  GoldenRow[]
>;

describe.each<WorldModel>([...worldModelWidths, poorReader])('the base model %s', (width) => {
  it('has the tokenizer and the template that the world has now', () => {
    const read = (file: string): string => readFileSync(join(worldModelDir(width), file), 'utf8');
    for (const [file, text] of Object.entries(worldTokenizerFiles())) expect(read(file), file).toBe(text);
    expect(JSON.parse(read('template.json'))).toEqual(worldTemplate);
  });

  it('has the tokens and log-probs of transformers', async () => {
    const dir = worldModelDir(width);
    const tokenizer = await loadTokenizer(dir);
    const template = await loadTemplate(join(dir, 'template.json'), tokenizer);
    const engine = await openEngine({ modelDir: dir });
    try {
      for (const row of golden[`world-${width}`]!) {
        const { instruction, judgment, response, ids, response_start } = row;
        const encoded = await encodeTriplet(tokenizer, template, { instruction, judgment, output: response });
        const sequence = encoded.judged ?? encoded.plain;
        expect([...sequence.ids]).toEqual(ids);
        expect(sequence.responseStart).toBe(response_start);
        const [found] = await engine.score([sequence]);
        expect(maxDifference(found!, row.logprobs)).toBeLessThan(2e-4);
      }
    } finally {
      await engine.dispose();
    }
  });
});
