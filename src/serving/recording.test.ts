// What is recorded of a server's chats, by whom it can be read, and that nothing waits for it.
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import type { WhetstoneError } from '../errors.ts';
import { nextMessages, readChats } from '../judgments/index.ts';
import { fakeModel } from './fake-model.test-helper.ts';
import { openRecording } from './recording.ts';
import type { Recording } from './recording.ts';
import { startServer } from './server.ts';
import type { RunningServer } from './connections.ts';

let dir: string;
let server: RunningServer | undefined;
let recording: Recording | undefined;
const faults: WhetstoneError[] = [];
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'whetstone-recording-'));
});
afterEach(async () => {
  await server?.close();
  await recording?.close();
  server = recording = undefined;
  faults.length = 0;
});
afterAll(() => rm(dir, { recursive: true, force: true }));

async function start(name: string): Promise<string> {
  const file = join(dir, name);
  recording = await openRecording(file, (error) => void faults.push(error));
  server = await startServer({ models: [fakeModel()], record: recording.record });
  return file;
}
const user = { role: 'user', content: 'One?' };
const post = (body: object, path = '/v1/chat/completions'): Promise<Response> =>
  fetch(server!.url + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'fake', temperature: 0, ...body }),
  });
const answer = async (body: object, path?: string): Promise<string> => (await post(body, path)).text();
/** All lines, once the recording is closed. */
async function lines(file: string): Promise<Record<string, unknown>[]> {
  await recording!.close();
  const text = await readFile(file, 'utf8');
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

describe('a recording', () => {
  it('has a line for each chat that was answered, streamed or not, and for nothing else', async () => {
    const file = await start('chats.jsonl');
    await answer({ messages: [user] });
    await answer({ messages: [{ role: 'developer', content: 'Brief.' }, user], stream: true });
    await answer({ messages: [user], max_tokens: 2 });
    await answer({ messages: [user], n: 2 });
    await answer({ prompt: 'One?' }, '/v1/completions');
    expect((await post({ messages: [{ role: 'user', content: 'fail' }] })).status).toBe(500);
    expect((await post({ messages: [] })).status).toBe(400);
    const said = { model: 'fake', messages: [user], response: 'One?', finish_reason: 'stop' };
    const brief = [{ role: 'system', content: 'Brief.' }, user];
    const found = await lines(file);
    expect(found.map(({ time, ...line }) => [typeof time, line])).toEqual(
      [
        said,
        { ...said, messages: brief, response: 'Brief.\n\nOne?' },
        { ...said, response: 'On', finish_reason: 'length' },
        said,
        said,
      ].map((line) => ['string', line]),
    );
    expect(Math.abs(Date.parse(String(found[0]!['time'])) - Date.now())).toBeLessThan(60_000);
    if (process.platform !== 'win32') expect((await stat(file)).mode & 0o777).toBe(0o600);
  });

  it("is read by data convert, the user's next message as the judgment", async () => {
    const file = await start('talk.jsonl');
    const messages = [user, { role: 'assistant', content: 'Two.' }, { role: 'user', content: 'Wrong.' }];
    await answer({ messages: [user] });
    await answer({ messages });
    await lines(file);
    const { chats } = (await readChats(file))!;
    expect(nextMessages(chats).found).toMatchObject([
      { instruction: 'One?', output: 'Two.', judgment: 'Wrong.' },
    ]);
  });

  it('is gone on with behind what is there, without a line that a kill cut off', async () => {
    const file = join(dir, 'again.jsonl');
    await writeFile(file, '{"kept":1}\n{"cut":');
    await start('again.jsonl');
    await answer({ messages: [user] });
    expect(await lines(file)).toMatchObject([{ kept: 1 }, { response: 'One?' }]);
  });

  it('belongs to one server at a time, and is not begun in what is no recording', async () => {
    const file = await start('taken.jsonl');
    const open = (path: string): Promise<Recording> => openRecording(path, () => undefined);
    await expect(open(file)).rejects.toMatchObject({ code: 'RUN_LOCKED' });
    await writeFile(join(dir, 'notes.txt'), 'Buy milk.\nCall home.\n');
    await expect(open(join(dir, 'notes.txt'))).rejects.toMatchObject({ code: 'DAMAGED_JOURNAL' });
    expect(await readFile(join(dir, 'notes.txt'), 'utf8')).toBe('Buy milk.\nCall home.\n');
  });

  it('that cannot be written holds no request up, and says so once', async () => {
    await start('closed.jsonl');
    await recording!.close();
    for (let i = 0; i < 3; i++) expect((await post({ messages: [user] })).status).toBe(200);
    await vi.waitFor(() => expect(faults).toHaveLength(1));
    expect(faults.map(({ code }) => code)).toEqual(['WRITE_FAILED']);
  });
});
