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
);

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
};

/** The route of a path without its query; null if there is none. */
export function routeOf(path: string): Route | null {
  if (Object.hasOwn(fixed, path)) return fixed[path]!;
  const [, id] = /^\/v1\/models\/(.+)$/.exec(path) ?? [];
  if (id === undefined) return null;
  return { kind: 'model', name: '/v1/models/{model}', methods: reading, id: decoded(id) };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
