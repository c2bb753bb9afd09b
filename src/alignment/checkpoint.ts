// Training state on disk: parameters and AdamW's moments as float32 safetensors, with a checksum.
// Knows the format of one checkpoint; where checkpoints lie and when they are written is run-directory.ts.
import { createHash } from 'node:crypto';
import { open, readFile } from 'node:fs/promises';
import { endianness } from 'node:os';
import { join } from 'node:path';
import type { TrainingState } from '../engine/engine.ts';
import { WhetstoneError } from '../errors.ts';
import { writeAll } from '../durable/files.ts';

const formatVersion = 1;
const stateFile = 'state.safetensors';
const recordFile = 'checkpoint.json';

/** What stands beside the tensors, for people and for the check on reading. */
export interface CheckpointRecord {
  readonly version: number;
  /** Optimizer steps done; the next batch is that of step `step`, counted from 0. */
  readonly step: number;
  /** Position in the data: epochs begun and batches of the current one done. Follows from `step`. */
  readonly epoch: number;
  readonly batch_in_epoch: number;
  readonly bytes: number;
  readonly sha256: string;
}

/** Writes `state` into the existing folder `dir`: state.safetensors and checkpoint.json. */
export async function writeCheckpoint(
  dir: string,
  state: TrainingState,
  stepsPerEpoch: number,
): Promise<void> {
  requireLittleEndian();
  const tensors = tensorsOf(state);
  let offset = 0;
  const header: Record<string, unknown> = {};
  for (const [name, values] of tensors) {
    header[name] = {
      dtype: 'F32',
      shape: [values.length],
      data_offsets: [offset, (offset += values.byteLength)],
    };
  }
  const json = Buffer.from(JSON.stringify(header));
  const padded = Buffer.alloc(Math.ceil(json.length / 8) * 8, ' ');
  json.copy(padded);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(padded.length));

  const hash = createHash('sha256');
  const file = await open(join(dir, stateFile), 'wx');
  try {
    for (const bytes of [length, padded, ...tensors.map(([, values]) => bytesOf(values))]) {
      hash.update(bytes);
      await writeAll(file, bytes);
    }
  } finally {
    await file.close();
  }
  const record: CheckpointRecord = {
    version: formatVersion,
    step: state.step,
    epoch: Math.floor(state.step / stepsPerEpoch),
    batch_in_epoch: state.step % stepsPerEpoch,
    bytes: 8 + padded.length + offset,
    sha256: hash.digest('hex'),
  };
  const recordHandle = await open(join(dir, recordFile), 'wx');
  try {
    await writeAll(recordHandle, Buffer.from(JSON.stringify(record, null, 2) + '\n'));
  } finally {
    await recordHandle.close();
  }
}

/** Reads a checkpoint back, bit for bit. Throws WhetstoneError `BAD_CHECKPOINT` if anything is missing or altered. */
export async function readCheckpoint(dir: string): Promise<TrainingState> {
  requireLittleEndian();
  const record = await readRecord(dir);
  const path = join(dir, stateFile);
  const damaged = (what: string, cause?: unknown): WhetstoneError =>
    new WhetstoneError('BAD_CHECKPOINT', `the checkpoint is damaged: ${what}`, { file: path, cause });
  const file = await open(path, 'r').catch((cause: unknown) => {
    throw damaged('the file cannot be opened', cause);
  });
  try {
    const { size } = await file.stat();
    if (size !== record.bytes) throw damaged(`expected ${record.bytes} bytes, found ${size}`);
    const hash = createHash('sha256');
    const read = async (bytes: Uint8Array): Promise<void> => {
      for (let at = 0; at < bytes.byteLength;) {
        const { bytesRead } = await file.read(bytes, at, Math.min(1 << 26, bytes.byteLength - at), null);
        if (bytesRead === 0) throw damaged('the file ends too early');
        at += bytesRead;
      }
      hash.update(bytes);
    };
    const length = Buffer.alloc(8);
    await read(length);
    const headerBytes = Number(length.readBigUInt64LE());
    if (headerBytes > size - 8) throw damaged('its header is longer than the file');
    const header = Buffer.alloc(headerBytes);
    await read(header);
    const shapes = JSON.parse(header.toString()) as Record<string, { shape?: unknown } | null> | null;
    const tensor = async (name: string): Promise<Float32Array> => {
      const shape = shapes?.[name]?.shape;
      const length: unknown = Array.isArray(shape) ? shape[0] : shape;
      if (typeof length !== 'number' || !Number.isSafeInteger(length) || length < 0 || 4 * length > size)
        throw damaged(`its header does not say how long "${name}" is`);
      const values = new Float32Array(length);
      await read(bytesOf(values));
      return values;
    };
    const state: TrainingState = {
      parameters: await tensor('parameters'),
      firstMoment: await tensor('first_moment'),
      secondMoment: await tensor('second_moment'),
      step: record.step,
    };
    if (hash.digest('hex') !== record.sha256) throw damaged('its checksum differs');
    return state;
  } catch (error) {
    throw error instanceof SyntaxError ? damaged('its header is not JSON', error) : error;
  } finally {
    await file.close();
  }
}

async function readRecord(dir: string): Promise<CheckpointRecord> {
  const path = join(dir, recordFile);
  try {
    const record = JSON.parse(await readFile(path, 'utf8')) as CheckpointRecord;
    if (record.version !== formatVersion) {
      throw new WhetstoneError(
        'BAD_CHECKPOINT',
        `expected checkpoint version ${formatVersion}, found ${record.version}`,
        { file: path },
      );
    }
    const { step, bytes, sha256 } = record;
    if (![step, bytes].every(Number.isSafeInteger) || typeof sha256 !== 'string')
      throw new WhetstoneError('BAD_CHECKPOINT', 'expected step, bytes and sha256 of a checkpoint', {
        file: path,
      });
    return record;
  } catch (cause) {
    if (cause instanceof WhetstoneError) throw cause;
    throw new WhetstoneError('BAD_CHECKPOINT', 'the checkpoint is damaged: its record cannot be read', {
      file: path,
      cause,
    });
  }
}

const tensorsOf = (state: TrainingState): [string, Float32Array][] => [
  ['parameters', state.parameters],
  ['first_moment', state.firstMoment],
  ['second_moment', state.secondMoment],
];

const bytesOf = (values: Float32Array): Uint8Array =>
  new Uint8Array(values.buffer, values.byteOffset, values.byteLength);

function requireLittleEndian(): void {
  if (endianness() !== 'LE')
    throw new WhetstoneError('UNSUPPORTED_MACHINE', 'checkpoints need a little-endian machine');
}
