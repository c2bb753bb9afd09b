// Starts the studio: its page, its rooms, who may use it. Knows no room's work.
import { join } from 'node:path';
import { WhetstoneError } from '../errors.ts';
import { hostTest, isLoopback } from '../serving/access.ts';
import { openConnections } from '../serving/connections.ts';
import { baseName } from '../serving/settings.ts';
import { versions } from '../runs/versions.ts';
import { option } from '../words/option.ts';
import { accessBy, readSecret } from './access.ts';
import type { Session } from './api/session.ts';
import { createStudioHandler } from './handle.ts';
import { builtPage, readPage } from './page.ts';
import { openRooms } from './rooms.ts';
import { json } from './route.ts';
import type { Room, Route } from './route.ts';
import type { Studio } from './studio.ts';
import { eventsRoute } from './topics.ts';

export interface StudioOptions extends Omit<Studio, 'signal' | 'local'> {
  readonly host: string;
  /** 0 takes one that is free. */
  readonly port: number;
  /** What browsers have to bring; needed for a host that others reach. Null: a secret of the studio's own. */
  readonly apiKey: string | null;
  /** Names under which the studio is reached, beside its address. */
  readonly allowedHosts?: readonly string[];
  /** Seconds that requests under way have to end. */
  readonly shutdownTimeout: number;
  /** Folder of the built page; default the one beside the program. */
  readonly page?: string | undefined;
  readonly log?: (line: string, kind: 'request' | 'fault') => void;
}

export interface RunningStudio {
  readonly port: number;
  /** The address with the secret in it, where that is the studio's own. */
  readonly link: string;
  /** Ends the streams, lets requests end, and lets go of everything. */
  close(): Promise<void>;
}

/**
 * Starts the studio. Throws WhetstoneError `INVALID_OPTIONS` for a host that others reach without a key, `CANNOT_LISTEN`,
 * `NO_STUDIO_PAGE`, and what opening the model throws.
 */
export async function startStudio(options: StudioOptions): Promise<RunningStudio> {
  const { host, apiKey, runs, log = () => undefined } = options;
  const local = isLoopback(host);
  if (!local && apiKey === null)
    throw new WhetstoneError('INVALID_OPTIONS', `others reach ${host}, and there is no key`, {
      hint: `Set a key with ${option('api_key_env')}, or leave out ${option('host')}.`,
    });
  const page = await readPage(options.page ?? builtPage());
  const secret = apiKey ?? (await readSecret(join(runs, '.studio-secret')));
  const closing = new AbortController();
  const rooms = await openRooms({ ...options, local, signal: closing.signal });
  const closeRooms = async (): Promise<void> => {
    closing.abort(new Error('the studio is closing'));
    for (const room of rooms) await room.close?.();
  };
  let draining = false;
  let port = options.port;
  const session: Session = {
    version: (await versions()).whetstone,
    local,
    model: options.model === null ? null : baseName(options.model),
    runs,
  };
  const handle = createStudioHandler({
    routes: allRoutes(rooms, session, closing.signal),
    page,
    access: accessBy(secret, () => port),
    isKey: apiKey !== null,
    isHost: hostTest({ host, allowed: options.allowedHosts ?? [], hasKey: apiKey !== null }),
    isDraining: () => draining,
  });
  const { shutdownTimeout } = options;
  const onDraining = (): void => {
    draining = true;
    closing.abort(new Error('the studio is closing'));
  };
  try {
    const server = await openConnections({ host, port, shutdownTimeout, handle, onDraining, log });
    port = server.port;
    return {
      port,
      link: apiKey === null ? `${server.url}/?token=${secret}` : `${server.url}/`,
      close: async () => {
        await server.drain();
        await closeRooms();
      },
    };
  } catch (error) {
    await closeRooms();
    throw error;
  }
}

function allRoutes(rooms: readonly Room[], session: Session, closing: AbortSignal): Route[] {
  const topics = Object.assign({}, ...rooms.map((room) => room.topics ?? {})) as NonNullable<Room['topics']>;
  return [
    { method: 'GET', path: '/api/session', answer: () => json(session) },
    eventsRoute(topics, closing),
    ...rooms.flatMap((room) => room.routes),
  ];
}
