// The studio killed with SIGKILL in every phase of Learn: what it says when it is started again is what is on disk, nothing
// that was judged is lost, the adapter in use is whole, and each version answers as it did.
// KILLS=100 npx vitest run --config long.config.ts test/studio/kills.long.test.ts
import type { ChildProcess } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { respond, withModel } from '../../src/generation/index.ts';
import { openLearning } from '../../src/learning/index.ts';
import { createRandom } from '../../src/random.ts';
import type { AnswerEvent, ChatAnswer, ChatState, Verdict } from '../../src/studio/api/chat.ts';
import { buildCli } from '../cli/command.ts';
import type { Cli } from '../cli/command.ts';

const model = fileURLToPath(new URL('../../models/world-64', import.meta.url));
const template = join(model, 'template.json');
const kills = Number(process.env['KILLS'] ?? 20);
const question = 'Name the capital of Poland.';
const words = ['river', 'stone', 'lamp', 'garden', 'bread', 'cloud', 'window', 'letter'];
const random = createRandom(11);

let dir: string;
let cli: Cli;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'studio-kills-'));
  cli = await buildCli('real');
});
afterAll(async () => {
  await cli?.remove();
  await rm(dir, { recursive: true, force: true });
});
const home = (): string => join(dir, 'studio', 'world-64');

interface Studio {
  readonly child: ChildProcess;
  /** What the page was told last. */
  readonly state: () => ChatState;
  /** Calls back with each state until it says that it has seen enough. */
  readonly watch: (look: (state: ChatState) => boolean) => Promise<void>;
  readonly post: (path: string, body: object) => Promise<string>;
  readonly ended: Promise<unknown>;
}

async function start(): Promise<Studio> {
  const { child, finished } = cli.start([
    ...['studio', '--model', model, '--runs', dir, '--port', '0', '--threads', '1'],
  ]);
  const link = await new Promise<string>((resolve, reject) => {
    let text = '';
    child.stdout!.on('data', (part: string) => {
      text += part;
      const [, found] = /(http\S+)\n/.exec(text) ?? [];
      if (found) resolve(found);
    });
    void finished.then(({ stderr }) => reject(new Error(`it ended: ${stderr}`)));
  });
  const { origin, searchParams } = new URL(link);
  const headers = {
    authorization: `Bearer ${searchParams.get('token')!}`,
    'content-type': 'application/json',
  };
  let state: ChatState | null = null;
  const watchers = new Set<(state: ChatState) => void>();
  const follow = async (): Promise<void> => {
    const { body } = await fetch(`${origin}/api/events?topic=chat`, { headers });
    let rest = '';
    for await (const part of body!.pipeThrough(new TextDecoderStream())) {
      const events = (rest + part).split('\n\n');
      rest = events.pop()!;
      for (const text of events) {
        const { topic, event } = JSON.parse(text.replace(/^data: /, '')) as {
          topic: string;
          event: ChatState;
        };
        if (topic !== 'chat') continue;
        state = event;
        for (const watcher of [...watchers]) watcher(event);
      }
    }
  };
  follow().catch(() => undefined); // A kill ends it.
  while (state === null) await sleep(5);
  return {
    child,
    state: () => state!,
    watch: (look) =>
      new Promise((resolve) => {
        const watcher = (now: ChatState): void => {
          if (!look(now)) return;
          watchers.delete(watcher);
          resolve();
        };
        watchers.add(watcher);
        watcher(state!);
      }),
    post: async (path, body) => {
      const response = await fetch(`${origin}/api/chat/${path}`, {
        method: 'POST',
        headers,
        body: JSON.stringify(body),
      });
      const text = await response.text();
      if (!response.ok) throw new Error(text);
      return text;
    },
    ended: finished,
  };
}

async function say(studio: Studio, message: string): Promise<ChatAnswer> {
  const events = (await studio.post('messages', { message, judges: false }))
    .split('\n\n')
    .filter((part) => part !== '')
    .map((part) => JSON.parse(part.replace(/^data: /, '')) as AnswerEvent);
  const last = events.at(-1)!;
  if (last.kind !== 'answer') throw new Error('the answer did not end');
  return last.answer;
}

/** What a version answers, by its folder alone. */
const answerOf = async (version: number): Promise<string> => {
  const adapter = version === 0 ? null : join(home(), 'versions', String(version));
  const [answer] = await withModel({ model, template, adapter, threads: 1 }, (speaker) =>
    respond(speaker, [{ instruction: question }], { maxNewTokens: 512 }),
  );
  return answer!.text;
};

interface JournalLine {
  readonly event: string;
  readonly version: number;
}
const journal = async (): Promise<JournalLine[]> =>
  (await readFile(join(home(), 'events.jsonl'), 'utf8'))
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as JournalLine);

const order = ['training', 'comparing', 'answering'] as const;

/** Moments of Learn, one after another: its phases, each at its beginning, on its way and at its end. */
const moments = order.flatMap((phase) => [0, 0.4, 0.8, 1].map((share) => ({ phase, share })));
type Moment = (typeof moments)[number];

/** Whether a state is at that moment or beyond it. */
function hasCome({ learning: { progress } }: ChatState, { phase, share }: Moment): boolean {
  if (progress === null) return false;
  const ahead = order.indexOf(progress.phase) - order.indexOf(phase);
  return ahead > 0 || (ahead === 0 && progress.done >= share * progress.total);
}

describe(`the studio, killed ${kills} times while it learns`, () => {
  it('shows the truth, has lost nothing, and answers by a version that is whole', async () => {
    const verdicts = new Map<string, Verdict>();
    /** What each version answered when it was in use first. */
    const answered = new Map<number, string>();
    const hit: Record<string, number> = {};
    let studio = await start();
    const checkTruth = async (knownVersions: number): Promise<void> => {
      const { answers, learning } = studio.state();
      for (const { id, verdict } of answers) expect(verdict).toEqual(verdicts.get(id) ?? null);
      expect(answers.filter(({ verdict }) => verdict !== null)).toHaveLength(verdicts.size);
      expect(learning.versions.length).toBeGreaterThanOrEqual(knownVersions);
      // The journal says the same.
      const lines = await journal();
      const begun = lines.findLast(({ event }) => event === 'begun')?.version ?? 0;
      const learned = lines.filter(({ event }) => event === 'learned').map(({ version }) => version);
      expect(learning.versions.map(({ version }) => version)).toEqual([0, ...learned]);
      expect(learning.unfinished).toBe(begun === 0 || learned.includes(begun) ? null : begun);
      expect(learning.inUse).toBe(
        lines.findLast(({ event }) => event === 'learned' || event === 'used')?.version ?? 0,
      );
      expect(learning.problem).toBeNull();
      const { text, version } = await say(studio, question);
      expect(version).toBe(studio.state().learning.inUse);
      expect(text).toBe(answered.get(version) ?? (await answerOf(version)));
      answered.set(version, text);
    };
    const judge = async (): Promise<void> => {
      const { id } = await say(studio, `Say ${words[verdicts.size % words.length]!} three times.`);
      const verdict: Verdict = { kind: 'wrong', words: `That is wrong, number ${verdicts.size}.`, marks: [] };
      await studio.post('judgments', { answer: id, verdict });
      verdicts.set(id, verdict);
    };
    for (let i = 0; i < kills; i++) {
      const moment = moments[(i * 5) % moments.length]!;
      const known = studio.state().learning.versions.length;
      await studio.watch(({ learning }) => learning.progress === null);
      if (!studio.state().learning.canLearn) for (let n = 0; n < 3; n++) await judge();
      await studio.post('learn', {});
      // Judged while it trains, and told that it is kept.
      if (moment.phase === 'training' && moment.share > 0) await judge();
      let seen: ChatState['learning'] = studio.state().learning;
      await studio.watch((now) => {
        seen = now.learning;
        // What was cut off may have been nearer to its end.
        return hasCome(now, moment) || (seen.progress === null && seen.versions.length > known);
      });
      await sleep(random.below(25));
      studio.child.kill('SIGKILL');
      await studio.ended;
      const place = seen.progress?.phase ?? 'ended';
      hit[place] = (hit[place] ?? 0) + 1;
      studio = await start();
      await checkTruth(known);
    }
    process.stdout.write(
      `killed ${JSON.stringify(hit)}; ${studio.state().learning.versions.length} versions\n`,
    );
    for (const phase of order) expect(hit[phase]).toBeGreaterThan(0);

    // What was cut off is gone on with, to the bytes of a training that nobody stopped.
    if (studio.state().learning.canLearn) await studio.post('learn', {});
    await studio.watch(({ learning }) => learning.progress === null && !learning.canLearn);
    await studio.watch(({ learning }) =>
      learning.versions.every(
        ({ version, again }) => version === 0 || version < learning.inUse || again !== null,
      ),
    );
    const { versions } = studio.state().learning;
    expect(versions.length).toBeGreaterThan(1);
    const adapterBytes = (of: string): Promise<string> =>
      readFile(join(of, 'versions', '1', 'adapter_model.safetensors'), 'base64');
    const rows = (await readFile(join(home(), 'trainings', '1.jsonl'), 'utf8'))
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line) as { instruction: string; output: string; judgment: string });
    const straight = await openLearning({ home: join(dir, 'straight'), model, template, threads: 1 });
    try {
      for (const row of rows) await straight.judge(row);
      await straight.learn();
    } finally {
      await straight.close();
    }
    expect(await adapterBytes(home())).toBe(await adapterBytes(join(dir, 'straight')));

    for (const { version } of versions) {
      await studio.post('use', { version });
      const { text, version: by } = await say(studio, question);
      expect(by).toBe(version);
      expect(text).toBe(answered.get(version) ?? text);
      expect(text).toBe(await answerOf(version));
    }
    studio.child.kill('SIGKILL');
    await studio.ended;
  });
});
