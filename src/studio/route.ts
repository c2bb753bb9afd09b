// What a room of the studio is made of: routes that answer, topics that tell what changes. Knows HTTP's words, no room.
import type { Fields } from '../rows/fields.ts';
import { badRequest } from '../serving/api-error.ts';
import { textField } from '../serving/fields.ts';

export interface Call {
  /** What stands in the path for its `:name` parts. */
  readonly params: Readonly<Record<string, string>>;
  readonly query: URLSearchParams;
  /** The JSON object of the body; empty for GET. */
  readonly fields: Fields;
  /** Aborted when the page no longer waits for the answer. */
  readonly signal: AbortSignal;
}

export type Answer =
  | { readonly kind: 'json'; readonly body: object }
  /** `run` sends events until the answer is complete; what it throws is the last event, { error }. */
  | { readonly kind: 'events'; readonly run: (send: (event: object) => void) => Promise<void> };

export interface Route {
  readonly method: 'GET' | 'POST';
  /** "/api/ROOM/..."; a part that begins with a colon stands for any text. */
  readonly path: string;
  /** Throws ApiError, and WhetstoneError for what the person can mend; the page shows either. */
  readonly answer: (call: Call) => Promise<Answer> | Answer;
}

/**
 * Sends what is so now, and then each change until the signal; `argument` is what stands behind the topic's name and a
 * colon. A page that comes back subscribes anew, so nothing has to be remembered for it.
 */
export type Topic = (argument: string, send: (event: object) => void, signal: AbortSignal) => void;

export interface Room {
  readonly routes: readonly Route[];
  readonly topics?: Readonly<Record<string, Topic>>;
  /** Waits for what is under way, and lets go of what the room holds. */
  close?(): Promise<void>;
}

export const post = (path: string, answer: Route['answer']): Route => ({ method: 'POST', path, answer });

/** The text in field `name`. Throws ApiError where it is missing or blank. */
export function requiredText(fields: Fields, name: string): string {
  const text = textField(fields, name);
  if (text === null || text.trim() === '') throw badRequest(`'${name}' must not be empty.`, name);
  return text;
}

export const json = (body: object): Answer => ({ kind: 'json', body });

export const events = (run: (send: (event: object) => void) => Promise<void>): Answer => ({
  kind: 'events',
  run,
});

/** The route of a method and a path, with its parameters; the methods that the path has where this is none of them. */
export function matchRoute(
  routes: readonly Route[],
  method: string,
  path: string,
):
  | { readonly route: Route; readonly params: Readonly<Record<string, string>> }
  | { readonly methods: string[] } {
  const methods: string[] = [];
  for (const route of routes) {
    const params = paramsOf(route.path, path);
    if (params === null) continue;
    if (route.method === method) return { route, params };
    methods.push(route.method);
  }
  return { methods };
}

function paramsOf(pattern: string, path: string): Record<string, string> | null {
  const [wanted, found] = [pattern.split('/'), path.split('/')];
  if (wanted.length !== found.length) return null;
  const params: Record<string, string> = {};
  for (const [i, part] of wanted.entries()) {
    if (part.startsWith(':')) params[part.slice(1)] = decoded(found[i]!);
    else if (part !== found[i]) return null;
  }
  return params;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
