import { expect, it } from 'vitest';
import { echoRequest } from './requests.ts';

it('a prompt that is echoed may have a reply that grows with its tokens', () => {
  const { body, most, mostBytes } = echoRequest({ model: 'm', prompt: [[1, 2], [3]] }, 3);
  expect(JSON.parse(body)).toEqual({
    model: 'm',
    prompt: [[1, 2], [3]],
    max_tokens: 1,
    temperature: 0,
    logprobs: 1,
    echo: true,
  });
  expect(most).toEqual({ input: 3, output: 2 });
  expect(echoRequest({ model: 'm', prompt: [] }, 1003).mostBytes - mostBytes).toBe(1000 * 1024);
});
