// The OpenAI-compatible server: its settings, its handler, its connections. Knows nothing of what is asked.
import { hostTest } from './access.ts';
import { openConnections } from './connections.ts';
import type { Patience, RunningServer } from './connections.ts';
import { createHandler } from './handle.ts';
import type { Exchange } from './recording.ts';
import type { Learner } from './learner.ts';
import type { ServedModel } from './served-model.ts';
import { versions } from '../runs/versions.ts';
import { checkOptions } from '../options/check.ts';
import { serverDefaults, serverEntry } from './settings.ts';
import type { ServerSettings } from './settings.ts';

export interface ServerOptions extends Partial<ServerSettings> {
  /** In the order in which they are listed. */
  readonly models: readonly ServedModel[];
  /** A model that learns, which stands before the others; what is asked of it goes to its endpoints. */
  readonly learner?: Learner;
  /** Hears of each chat that was answered; nothing waits for it. */
  readonly record?: (exchange: Exchange) => void;
  /** Hears one line a request, without prompts and keys, and of faults of the server itself. */
  readonly log?: (line: string, kind: 'request' | 'fault') => void;
  /** In place of the usual limits on slow clients. */
  readonly patience?: Patience;
}

/** Starts the server. Throws WhetstoneError `INVALID_OPTIONS` and `CANNOT_LISTEN`. */
export async function startServer(options: ServerOptions): Promise<RunningServer> {
  const settings = { ...serverDefaults, ...checkOptions(serverEntry, options) };
  const { host, port, apiKey, corsOrigins, maxNewTokens, maxBodyBytes, maxUnsentBytes } = settings;
  const isHost = hostTest({ host, allowed: settings.allowedHosts ?? [], hasKey: apiKey !== null });
  const { models, learner = null, log = () => undefined, record, patience } = options;
  let draining = false;
  const handle = createHandler({
    models: () => (learner === null ? models : [learner.present(), ...models]),
    learner,
    apiKey,
    maxNewTokens,
    maxBodyBytes,
    maxUnsentBytes,
    origins: corsOrigins,
    isHost,
    record: (exchange) => {
      record?.(exchange);
      learner?.answered(exchange);
    },
    version: (await versions()).whetstone,
    isDraining: () => draining,
  });
  const { shutdownTimeout } = settings;
  const onDraining = (): void => void (draining = true);
  return openConnections({ host, port, shutdownTimeout, handle, onDraining, log, patience });
}
