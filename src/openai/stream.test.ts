import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readEvents, readJsonEvents } from './stream.ts';

// eslint-disable-next-line @typescript-eslint/require-await
async function* cut(text: string, lengths: readonly number[] = []): AsyncGenerator<Uint8Array> {
  const bytes = new TextEncoder().encode(text);
  let at = 0;
  for (const length of lengths) yield bytes.subarray(at, (at += length));
  yield bytes.subarray(at);
}
async function events(text: string, lengths?: readonly number[]): Promise<string[]> {
  const found: string[] = [];
  for await (const data of readEvents(cut(text, lengths))) found.push(data);
  return found;
}

describe('readEvents', () => {
  it.each([
    ['one', 'data: a\n\n', ['a']],
    ['without a space, with two', 'data:a\n\ndata:  b\n\n', ['a', ' b']],
    ['several lines, an empty one among them', 'data: a\ndata\ndata: b\n\n', ['a\n\nb']],
    ['comments and other fields', ': hello\n\nevent: e\nid: 3\ndata: a\nretry: 9\n\n', ['a']],
    ['CR LF, and CR alone', 'data: a\r\n\r\ndata: b\r\rdata: c\r\r', ['a', 'b', 'c']],
    ['a byte order mark', '\ufeffdata: a\n\n', ['a']],
    ['an event that was cut off', 'data: a\n\ndata: b\n', ['a']],
    ['nothing', '', []],
  ])('%s', async (_, text, expected) => {
    expect(await events(text)).toEqual(expected);
  });

  it('does not depend on where the pieces were cut', async () => {
    const text = 'data: Höre 🙂\r\n\r\n: x\r\ndata: b\rdata: c\n\ndata: d\r\r';
    const lengths = fc.array(fc.integer({ min: 0, max: 4 }), { maxLength: 60 });
    await fc.assert(
      fc.asyncProperty(lengths, async (cuts) => {
        expect(await events(text, cuts)).toEqual(['Höre 🙂', 'b\nc', 'd']);
      }),
    );
  });
});

it('a stream of JSON ends as it should, or is known not to have', async () => {
  const whole = 'data: {"a":1}\n\ndata: [DONE]\n\ndata: {"a":2}\n\n';
  expect(await readJsonEvents(cut(whole))).toEqual({ values: [{ a: 1 }], done: true });
  expect(await readJsonEvents(cut('data: {"a":1}\n\n'))).toEqual({ values: [{ a: 1 }], done: false });
});
