// A conversation with the worker's rank 0: the greeting, then a frame out and a frame in. Knows no operation.
import { randomBytes, timingSafeEqual } from 'node:crypto';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { WhetstoneError } from '../../errors.ts';
import type { Frame, NamedTensor } from './frames.ts';
import {
  answerBytes,
  broken,
  decodeFrame,
  encodeFrame,
  hello,
  magic,
  nonceBytes,
  prefixBytes,
  proofOf,
  protocolVersion,
  readPrefix,
  tokenVariable,
} from './frames.ts';

export interface Connection {
  /** Sends a frame and hears the answer. Throws what the worker refuses, and `TORCH_GONE` where it is gone. */
  ask(
    op: string,
    fields?: Readonly<Record<string, unknown>>,
    tensors?: Readonly<Record<string, NamedTensor>>,
  ): Promise<Frame>;
  close(): void;
}

export type Place = { readonly path: string } | { readonly host: string; readonly port: number };

const greetingTimeout = 15_000;

/** How long a frame that has begun may stand still, in milliseconds; its beginning may take as long as the work does. */
const usualPatience = 120_000;

/** Connects and greets. Throws `TORCH_CONNECT`, `TORCH_PROTOCOL`, and Node's own error where nothing listens. */
export async function openConnection(
  place: Place,
  token: string,
  patience: number = usualPatience,
): Promise<Connection> {
  const socket = await reach(place);
  socket.setNoDelay(true);
  const reader = readerOf(socket);
  try {
    socket.setTimeout(greetingTimeout, () => socket.destroy(new Error('it does not answer in time')));
    await greet(socket, reader, token);
    socket.setTimeout(0);
  } catch (error) {
    socket.destroy();
    throw error instanceof WhetstoneError
      ? error
      : new WhetstoneError('TORCH_CONNECT', `the worker does not greet back: ${(error as Error).message}`, {
          hint: `It ends a conversation whose token (${tokenVariable}) is another than its own.`,
          cause: error,
        });
  }
  return {
    ask: async (op, fields = {}, tensors = {}) => {
      for (const part of encodeFrame({ op, fields, tensors })) socket.write(part);
      return accepted(await nextFrame(socket, reader, patience));
    },
    close: () => socket.destroy(),
  };
}

/** Throws `TORCH_PROTOCOL` for what is no frame, and ends the conversation, whose place in the stream is lost then. */
async function nextFrame(socket: Socket, reader: Reader, patience: number): Promise<Frame> {
  try {
    const { header, payload } = readPrefix(await reader.read(prefixBytes));
    return decodeFrame(await reader.read(header, patience), await reader.read(payload, patience));
  } catch (error) {
    socket.destroy();
    throw error;
  }
}

function reach(place: Place): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ ...place });
    socket.once('error', reject);
    socket.once('connect', () => {
      socket.off('error', reject);
      resolve(socket);
    });
  });
}

async function greet(socket: Socket, reader: Reader, token: string): Promise<void> {
  const ours = randomBytes(nonceBytes);
  socket.write(hello(ours));
  const answer = await reader.read(answerBytes);
  if (!answer.subarray(0, magic.length).equals(magic))
    throw broken('what answers there is no worker of Whetstone', 'Look at the address and the port.');
  const version = answer.readUInt32LE(magic.length);
  if (version !== protocolVersion) {
    throw broken(
      `the worker speaks version ${version} of the protocol, this Whetstone version ${protocolVersion}`,
      'Install whetstone-torch from the same release as Whetstone.',
    );
  }
  const theirs = answer.subarray(magic.length + 4, magic.length + 4 + nonceBytes);
  const proof = answer.subarray(answerBytes - 32);
  if (!timingSafeEqual(proof, proofOf(token, 'worker', ours, theirs))) {
    throw new WhetstoneError('TORCH_CONNECT', 'the worker has another token', {
      hint: `Set the same ${tokenVariable} here and where the worker runs.`,
    });
  }
  socket.write(proofOf(token, 'client', theirs, ours));
}

/** Throws what the worker refuses, by its own code. */
function accepted(frame: Frame): Frame {
  const { code, message, hint, field } = frame.fields;
  if (frame.op === 'refused') {
    throw new WhetstoneError(String(code), String(message), {
      ...(typeof hint === 'string' && { hint }),
      ...(typeof field === 'string' && { field }),
    });
  }
  if (frame.op === 'failed') {
    throw new WhetstoneError('TORCH_FAILED', `the worker failed: ${String(message)}`, {
      hint: 'Where it ran out of memory, lower cutoff_len or turn on gradient_checkpointing; its log has the rest.',
    });
  }
  return frame;
}

interface Reader {
  /**
   * The next `count` bytes. Throws `TORCH_GONE` where the connection ends before, and `TORCH_PROTOCOL` where nothing comes
   * for so many milliseconds.
   */
  read(count: number, patience?: number): Promise<Buffer>;
}

function readerOf(socket: Socket): Reader {
  const chunks: Buffer[] = [];
  let there = 0;
  let ended: Error | null = null;
  let stall: WhetstoneError | null = null;
  let wake: (() => void) | null = null;
  const call = (): void => {
    wake?.();
    wake = null;
  };
  socket.on('data', (chunk: Buffer) => {
    chunks.push(chunk);
    there += chunk.length;
    call();
  });
  socket.on('error', (error) => {
    ended ??= error;
    call();
  });
  socket.on('close', () => {
    ended ??= new Error('it closed the connection');
    call();
  });
  const take = (count: number): Buffer => {
    const whole = Buffer.allocUnsafe(count);
    let at = 0;
    while (at < count) {
      const first = chunks[0]!;
      const used = first.copy(whole, at, 0, count - at);
      at += used;
      if (used === first.length) chunks.shift();
      else chunks[0] = first.subarray(used);
    }
    there -= count;
    return whole;
  };
  return {
    read: async (count, patience) => {
      while (there < count) {
        if (ended) {
          throw new WhetstoneError('TORCH_GONE', `the worker is gone: ${ended.message}`, { cause: ended });
        }
        const before = there;
        const late =
          patience === undefined
            ? undefined
            : setTimeout(() => {
                if (there > before) return;
                stall = stalled(there, count, patience);
                ended ??= stall;
                call();
              }, patience);
        await new Promise<void>((resolve) => (wake = resolve));
        clearTimeout(late);
        if (stall !== null) throw stall;
      }
      return take(count);
    },
  };
}

const stalled = (there: number, count: number, patience: number): WhetstoneError =>
  broken(
    `the worker sent ${there} of ${count} bytes and then nothing for ${patience / 1000} s`,
    'Look at the network between here and the worker. A run goes on from its last checkpoint with --resume.',
  );
