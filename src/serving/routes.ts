// Which path means what. Knows paths only.
import { chatCompletions } from './chat-completions.ts';
import { completions } from './completions.ts';
import type { Endpoint } from './endpoint.ts';

export type Route = {
  /** For the log: the path without what a client chose. */
  readonly name: string;
  readonly methods: readonly string[];
} & (
  | { readonly kind: 'about' }
  | { readonly kind: 'health' }
  | { readonly kind: 'models' }
  | { readonly kind: 'model'; readonly id: string }
  | { readonly kind: 'endpoint'; readonly endpoint: Endpoint }
  | { readonly kind: 'learning'; readonly call: LearningCall }
);

/** What is asked of a model that learns. */
export type LearningCall =
  | { readonly ask: 'judgments' }
  | { readonly ask: 'judgment'; readonly id: string }
  | { readonly ask: 'versions' }
  | { readonly ask: 'version'; readonly version: string }
  | { readonly ask: 'use'; readonly version: string }
  | { readonly ask: 'learning' };

const reading = ['GET', 'HEAD'];
const fixed: Readonly<Record<string, Route>> = {
  '/': { kind: 'about', name: '/', methods: reading },
  '/health': { kind: 'health', name: '/health', methods: reading },
  '/v1/models': { kind: 'models', name: '/v1/models', methods: reading },
  '/v1/chat/completions': {
    kind: 'endpoint',
    name: '/v1/chat/completions',
    methods: ['POST'],
    endpoint: chatCompletions,
  },
  '/v1/completions': {
    kind: 'endpoint',
    name: '/v1/completions',
    methods: ['POST'],
    endpoint: completions,
  },
  '/v1/judgments': {
    kind: 'learning',
    name: '/v1/judgments',
    methods: [...reading, 'POST'],
    call: { ask: 'judgments' },
  },
  '/v1/versions': { kind: 'learning', name: '/v1/versions', methods: reading, call: { ask: 'versions' } },
  '/v1/learning': {
    kind: 'learning',
    name: '/v1/learning',
    methods: [...reading, 'POST'],
    call: { ask: 'learning' },
  },
};

/** Paths with a name of the client's choice in them. */
const named: readonly (readonly [RegExp, (name: string) => Route])[] = [
  [/^\/v1\/models\/(.+)$/, (id) => ({ kind: 'model', name: '/v1/models/{model}', methods: reading, id })],
  [
    /^\/v1\/judgments\/([^/]+)$/,
    (id) => ({
      ...{ kind: 'learning', name: '/v1/judgments/{id}', methods: [...reading, 'DELETE'] },
      call: { ask: 'judgment', id },
    }),
  ],
  [
    /^\/v1\/versions\/([^/]+)$/,
    (version) => ({
      ...{ kind: 'learning', name: '/v1/versions/{version}', methods: reading },
      call: { ask: 'version', version },
    }),
  ],
  [
    /^\/v1\/versions\/([^/]+)\/use$/,
    (version) => ({
      ...{ kind: 'learning', name: '/v1/versions/{version}/use', methods: ['POST'] },
      call: { ask: 'use', version },
    }),
  ],
];

/** The route of a path without its query; null if there is none. */
export function routeOf(path: string): Route | null {
  if (Object.hasOwn(fixed, path)) return fixed[path]!;
  for (const [pattern, route] of named) {
    const name = pattern.exec(path)?.[1];
    if (name !== undefined) return route(decoded(name));
  }
  return null;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
