// One stream of events a page: it names the topics that it wants to hear of, and hears of them until it leaves. Browsers
// allow few connections to a host, so that a stream a topic would hold up a second tab. Knows no room.
import { setTimeout as sleep } from 'node:timers/promises';
import { WhetstoneError, withRemedy } from '../errors.ts';
import { badRequest } from '../serving/api-error.ts';
import { describeSystemError, isSystemError } from '../words/system-errors.ts';
import { events } from './route.ts';
import type { Route, Topic } from './route.ts';

/** Proxies and browsers take a connection for dead that says nothing for a minute or so. */
const beatMilliseconds = 20_000;

/** GET /api/events?topic=NAME&topic=NAME:ARGUMENT; each event is { topic, event }. */
export function eventsRoute(topics: Readonly<Record<string, Topic>>, closing: AbortSignal): Route {
  return {
    method: 'GET',
    path: '/api/events',
    answer: ({ query, signal }) => {
      const wanted = query.getAll('topic').map((topic) => {
        const [, name = '', argument = ''] = /^([^:]*):?(.*)$/s.exec(topic) ?? [];
        if (!Object.hasOwn(topics, name)) throw badRequest(`There is no topic '${name}'.`, 'topic');
        return { topic, subscribe: topics[name]!, argument };
      });
      return events(async (send) => {
        const until = AbortSignal.any([signal, closing]);
        for (const { topic, subscribe, argument } of wanted)
          subscribe(argument, (event) => send({ topic, event }), until);
        const beat = setInterval(() => send({ topic: 'beat', event: {} }), beatMilliseconds);
        await new Promise<void>((resolve) => {
          if (until.aborted) resolve();
          until.addEventListener('abort', () => resolve(), { once: true });
        });
        clearInterval(beat);
      });
    },
  };
}

/** Tells all who listen; a topic of a room whose state changes as a whole. */
export interface Broadcast {
  readonly topic: Topic;
  readonly tell: (event: object) => void;
}

/** `first` is what a listener hears at once. */
export function broadcast(first: () => object): Broadcast {
  const listeners = new Set<(event: object) => void>();
  return {
    topic: (_, send, signal) => {
      listeners.add(send);
      signal.addEventListener('abort', () => listeners.delete(send), { once: true });
      send(first());
    },
    tell: (event) => {
      for (const send of listeners) send(event);
    },
  };
}

/**
 * A topic of what changes by itself, such as files: read every so many milliseconds while somebody listens, once for all
 * who listen with the same argument, and told where it is not what was told before; `look.now` is set to what has it read
 * at once. What `read` throws is told as { problem } and read again.
 */
export function polled(
  read: (argument: string) => Promise<object>,
  milliseconds: number,
  closing: AbortSignal,
  look?: { now: () => void },
): Topic {
  let wake = new AbortController();
  if (look)
    look.now = () => {
      wake.abort();
      wake = new AbortController();
    };
  interface Watched {
    readonly listeners: Set<(event: object) => void>;
    told: { readonly text: string; readonly event: object } | null;
  }
  const watched = new Map<string, Watched>();
  const watch = async (argument: string, own: Watched): Promise<void> => {
    const { listeners } = own;
    while (listeners.size > 0 && !closing.aborted) {
      const woken = wake.signal;
      const event = await read(argument).catch((error: unknown) => ({ problem: problemOf(error) }));
      const text = JSON.stringify(event);
      if (text !== own.told?.text) {
        own.told = { text, event };
        for (const send of listeners) send(event);
      }
      await sleep(milliseconds, undefined, { signal: AbortSignal.any([closing, woken]) }).catch(
        () => undefined,
      );
    }
    watched.delete(argument);
  };
  return (argument, send, signal) => {
    if (signal.aborted) return;
    const known = watched.get(argument);
    const own = known ?? { listeners: new Set(), told: null };
    own.listeners.add(send);
    signal.addEventListener('abort', () => own.listeners.delete(send), { once: true });
    if (own.told !== null) send(own.told.event);
    if (known === undefined) {
      watched.set(argument, own);
      void watch(argument, own);
    }
  };
}

function problemOf(error: unknown): string {
  if (error instanceof WhetstoneError) return withRemedy(error);
  return isSystemError(error) ? describeSystemError(error) : 'It cannot be read.';
}
