import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { chatRequests } from './chat-request.ts';
import { estimateJudging } from '../open-judge.ts';
import { loadPrompt } from './prompt.ts';
import { openReplies, replyKey } from '../../openai/replies.ts';
import { defaultJudgeSettings } from '../settings.ts';

const folder = mkdtempSync(join(tmpdir(), 'whetstone-estimate-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const settings = { ...defaultJudgeSettings, env: {}, inputPrice: 2, outputPrice: 8 };
const rows = Array.from({ length: 4 }, (_, i) => ({
  id: `${i}`,
  instruction: `Question ${i}`,
  output: 'x'.repeat(400),
}));

describe('estimateJudging', () => {
  it('counts calls, tokens and money, about and at most', async () => {
    const estimate = (await estimateJudging('http://x/v1#m', settings, rows))!;
    const longer = rows.map((row) => ({ ...row, output: 'x'.repeat(800) }));
    const other = (await estimateJudging('http://x/v1#m', settings, longer))!;
    expect(estimate.calls).toEqual({ about: 4, most: 8 });
    expect(other.about.input - estimate.about.input).toBe(400);
    expect(other.most.input - estimate.most.input).toBe(3200);
    expect(estimate.most.output).toBe(8 * 512);
    expect(estimate.cost!.most).toBeCloseTo((estimate.most.input * 2 + estimate.most.output * 8) / 1e6, 12);
    expect(estimate.cost!.about).toBeLessThan(estimate.cost!.most);
  });

  it('leaves out what is kept, and rows that ask the same', async () => {
    const cache = join(folder, 'replies.jsonl');
    const requests = chatRequests({ model: 'm', url: 'http://x/v1' }, settings);
    const prompt = await loadPrompt('default');
    const replies = await openReplies(cache);
    await replies.keep({
      key: replyKey('http://x/v1/chat/completions', requests.request(prompt.messages(rows[0]!)).body),
      at: '2024-01-01T00:00:00.000Z',
      usage: { input: 1, output: 1 },
      reply: {},
    });
    await replies.close();
    const estimate = await estimateJudging('http://x/v1#m', { ...settings, cache }, [
      ...rows,
      { ...rows[1]!, id: 'twin' },
    ]);
    expect(estimate).toMatchObject({ cached: 2, calls: { about: 3 } });
  });

  it('says nothing of judges that ask for no money', async () => {
    expect(await estimateJudging('cmd:true', settings, rows)).toBeNull();
  });
});
