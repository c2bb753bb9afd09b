// The worker of an engine, wherever it runs: one that is started here, or one that a scheduler started. Knows addresses,
// and turns a lost connection into an error that says what happened; no operation.
import { WhetstoneError } from '../../errors.ts';
import type { Connection, Place } from './connection.ts';
import { openConnection } from './connection.ts';
import { tokenVariable } from './frames.ts';
import { pythonFor } from './python.ts';
import { startWorker } from './worker-process.ts';

export interface TorchSettings {
  /** `torch`, or `torch://HOST:PORT` of a worker that runs. */
  readonly engine: string;
  readonly nproc?: number | null;
  readonly python?: string | null;
  readonly gradientCheckpointing?: boolean | null;
  /** Cells of a micro-batch of a rank, padding counted; default the worker's choice for its device. For tests. */
  readonly rowTokens?: number;
}

export interface RemoteWorker {
  readonly ask: Connection['ask'];
  close(): Promise<void>;
}

/** Throws `INVALID_OPTIONS` for an address that is none, and what starting or reaching the worker throws. */
export async function reachWorker(settings: TorchSettings, device: string): Promise<RemoteWorker> {
  const worker =
    settings.engine === 'torch' ? await startHere(settings, device) : await join(settings.engine);
  let lost: WhetstoneError | null = null;
  return {
    ask: async (...asked) => {
      if (lost) throw lost;
      try {
        return await worker.connection.ask(...asked);
      } catch (error) {
        if (!(error instanceof WhetstoneError) || error.code !== 'TORCH_GONE') throw error;
        lost = await worker.obituary(error);
        throw lost;
      }
    },
    close: () => worker.stop(),
  };
}

const startHere = ({ python, nproc }: TorchSettings, device: string): ReturnType<typeof startWorker> =>
  startWorker({
    python: pythonFor(python),
    nproc: nproc ?? 1,
    deviceType: device === 'cuda' || device === 'auto' ? device : 'cpu',
  });

async function join(address: string): Promise<Awaited<ReturnType<typeof startWorker>>> {
  const place = placeOf(address);
  const token = process.env[tokenVariable] ?? '';
  if (token === '') {
    throw new WhetstoneError('TORCH_CONNECT', `${tokenVariable} is not set`, {
      hint: 'The worker was started with a token in this variable; set the same one here.',
    });
  }
  const connection = await openConnection(place, token).catch((error: unknown) => {
    if (error instanceof WhetstoneError) throw error;
    throw new WhetstoneError(
      'TORCH_CONNECT',
      `no worker answers at ${address}: ${(error as Error).message}`,
      {
        hint: 'Start it there first: torchrun --nproc-per-node N -m whetstone_torch.worker --listen HOST:PORT',
        cause: error,
      },
    );
  });
  return {
    connection,
    obituary: (cause) =>
      Promise.resolve(
        new WhetstoneError('TORCH_GONE', `the worker at ${address} is gone`, {
          hint: 'What ended it is in the log of its torchrun. A run goes on from its last checkpoint with --resume.',
          cause,
        }),
      ),
    stop: async () => {
      await connection.ask('bye').catch(() => undefined);
      connection.close();
    },
  };
}

function placeOf(address: string): Place {
  const [, host, port] = /^torch:\/\/(\[[^\]]+\]|[^:/]+):(\d{1,5})\/?$/.exec(address) ?? [];
  if (host !== undefined && Number(port) <= 65535)
    return { host: host.replace(/^\[|\]$/g, ''), port: Number(port) };
  throw new WhetstoneError(
    'INVALID_OPTIONS',
    `expected torch://HOST:PORT, found ${JSON.stringify(address)}`,
    {
      options: ['engine'],
    },
  );
}
