// The Judge room: queues of responses that people judge one after the other. Knows what the page may ask; the work is the
// library's.
import { userInfo } from 'node:os';
import { relative, resolve } from 'node:path';
import { WhetstoneError, briefly } from '../../errors.ts';
import { ApiError, badRequest } from '../../serving/api-error.ts';
import { booleanField, numberField, textField } from '../../serving/fields.ts';
import type { Fields } from '../../rows/fields.ts';
import type { JudgeState, QueueEvent, RowAnswer } from '../api/judge.ts';
import { openDesk } from '../judge/desk.ts';
import type { Desk } from '../judge/desk.ts';
import { filesToJudge, judgedFile, openFileQueue } from '../judge/files.ts';
import { json, post, requiredText } from '../route.ts';
import type { Room, Route } from '../route.ts';
import type { Studio } from '../studio.ts';
import { broadcast } from '../topics.ts';
import { verdictOf } from '../verdict.ts';

/** Opens the file that the studio was started for, or the queue of the command that waits. Throws as `openFileQueue`. */
export async function openJudge(studio: Studio): Promise<Room> {
  const { judge = null, asked = null, local = false } = studio;
  const folder = resolve(studio.runs);
  const desks = new Map<string, Desk>();
  const opening = new Map<string, Promise<Desk>>();
  let listed: readonly string[] = [];
  const given = asked !== null ? askedName : judge !== null ? nameOf(judge, folder) : null;

  const state = (): JudgeState => ({
    queues: [...new Set([...(given === null ? [] : [given]), ...listed, ...desks.keys()])].map((name) => ({
      name,
      open: desks.get(name)?.standing() ?? null,
    })),
    ...{ given, folder: studio.runs, person: local ? userName() : '' },
  });
  const { topic, tell } = broadcast(state);
  const changed = (): void => tell(state());
  const list = async (): Promise<void> => {
    if (asked !== null) return;
    listed = await filesToJudge(folder);
    changed();
  };
  /** At most one opening of a file at a time; two would wait for each other's lock. */
  const open = (name: string): Promise<Desk> => {
    const known = desks.get(name);
    if (known !== undefined) return Promise.resolve(known);
    const under = opening.get(name) ?? openFile(name).finally(() => opening.delete(name));
    opening.set(name, under);
    return under;
  };
  const openFile = async (name: string): Promise<Desk> => {
    if (name !== given && !(await filesToJudge(folder)).includes(name))
      throw new ApiError(404, `There is no file ${name} in ${studio.runs}.`, { code: 'no_such_file' });
    const file = name === given ? judge! : resolve(folder, name);
    const desk = openDesk({ name, changed, ...(await openFileQueue(file, judgedFile(file, folder))) });
    desks.set(name, desk);
    changed();
    return desk;
  };
  let leave = (): void => undefined;
  if (asked !== null) {
    const desk = openDesk({ name: askedName, queue: asked.now(), results: null, changed });
    desks.set(askedName, desk);
    leave = asked.on((queue) => desk.show(queue));
  } else if (given !== null) await open(given);

  return {
    routes: routesOf(open, list),
    topics: {
      judge: (argument, send, signal) => {
        topic(argument, send, signal);
        list().catch(() => undefined); // What was listed before is still there.
      },
      queue: (argument, send, signal) => {
        const [name, person] = parsePlace(argument);
        open(name).then(
          (desk) => {
            if (!signal.aborted) desk.sit(person, send, signal);
          },
          (error: unknown) => {
            if (!signal.aborted) send({ failed: wordsOf(error) } satisfies QueueEvent);
          },
        );
      },
    },
    close: async () => {
      leave();
      await Promise.allSettled(opening.values());
      for (const desk of desks.values()) await desk.close();
    },
  };
}

const askedName = 'asked';

const wordsOf = (error: unknown): string =>
  error instanceof WhetstoneError
    ? [briefly(error), error.hint].filter(Boolean).join(' ')
    : error instanceof Error
      ? error.message
      : String(error);

const nameOf = (file: string, folder: string): string => {
  const below = relative(folder, resolve(file));
  return below.startsWith('..') ? file : below;
};

function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return '';
  }
}

function parsePlace(argument: string): readonly [string, string] {
  let value: unknown = null;
  try {
    value = JSON.parse(argument);
  } catch {
    // Refused below.
  }
  if (Array.isArray(value) && value.length === 2 && value.every((each) => typeof each === 'string'))
    return value as unknown as readonly [string, string];
  throw badRequest('Expected a topic \'queue:["NAME","PERSON"]\'.', 'topic');
}

const routesOf = (open: (name: string) => Promise<Desk>, list: () => Promise<void>): readonly Route[] => [
  post('/api/judge/list', async () => {
    await list();
    return json({});
  }),
  post('/api/judge/next', async ({ fields }) => {
    const desk = await open(requiredText(fields, 'queue'));
    return json({ row: desk.next(personOf(fields), booleanField(fields, 'others')) } satisfies RowAnswer);
  }),
  post('/api/judge/row', async ({ fields }) => {
    const desk = await open(requiredText(fields, 'queue'));
    return json({ row: desk.row(personOf(fields), whole(fields, 'row')) } satisfies RowAnswer);
  }),
  post('/api/judge/opinions', async ({ fields }) => {
    const verdict = verdictOf(fields['verdict']);
    if (verdict === null) throw badRequest('A verdict is taken back with undo.', 'verdict');
    const desk = await open(requiredText(fields, 'queue'));
    return json(
      await desk.say(personOf(fields), {
        row: whole(fields, 'row'),
        serial: whole(fields, 'serial'),
        others: booleanField(fields, 'others'),
        verdict,
      }),
    );
  }),
  post('/api/judge/undo', async ({ fields }) => {
    const desk = await open(requiredText(fields, 'queue'));
    return json(await desk.undo(personOf(fields)));
  }),
  post('/api/judge/write', async ({ fields }) => {
    await (await open(requiredText(fields, 'queue'))).write();
    return json({});
  }),
];

const longestName = 80;

/** As it stands in the journal: one line of words. */
function personOf(fields: Fields): string {
  const name = (textField(fields, 'person') ?? '').trim();
  if (name === '') throw badRequest('Say who you are first: your name is missing.', 'person');
  if (name.length > longestName || /[\p{C}\p{Zl}\p{Zp}]/u.test(name))
    throw badRequest(`A name is at most ${longestName} characters in one line.`, 'person');
  return name;
}

function whole(fields: Fields, name: string): number {
  const value = numberField(fields, name, { integer: true, min: 0 });
  if (value === null) throw badRequest(`Missing '${name}'.`, name);
  return value;
}
