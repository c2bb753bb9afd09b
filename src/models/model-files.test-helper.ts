// Model folders for tests: copies of the golden models to damage, and small safetensors files.
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import { modelDir } from '../../test/golden/golden.ts';
import { WhetstoneError } from '../errors.ts';
import { indexName, openCheckpoint } from './checkpoint.ts';
import type { StoredDType, StoredTensor } from './safetensors.ts';
import {
  encodeSafetensors,
  fromFloat32,
  readSafetensorsHeader,
  readTensorBytes,
  toFloat32,
} from './safetensors.ts';

/** A new folder for each call, removed when the test file has run. */
export function temporaryFolders(): () => string {
  const folders: string[] = [];
  afterAll(() => folders.forEach((folder) => rmSync(folder, { recursive: true, force: true })));
  return () => {
    const folder = mkdtempSync(join(tmpdir(), 'whetstone-models-'));
    folders.push(folder);
    return folder;
  };
}

/** Copies a golden model into an empty folder. */
export function copyModel(name: string, folder: string): string {
  cpSync(modelDir(name), folder, { recursive: true });
  return folder;
}

/** Changes a JSON file in place. */
export function editJson(file: string, change: (json: Record<string, unknown>) => void): void {
  const json = JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>;
  change(json);
  writeFileSync(file, JSON.stringify(json));
}

/** Changes the tensors of a folder's `model.safetensors` in place. */
export async function editTensors(
  dir: string,
  change: (tensors: Map<string, StoredTensor>) => void,
): Promise<void> {
  const file = join(dir, 'model.safetensors');
  const tensors = new Map<string, StoredTensor>();
  for (const [name, info] of (await readSafetensorsHeader(file)).tensors) {
    tensors.set(name, { dtype: info.dtype, shape: info.shape, bytes: await readTensorBytes(file, info) });
  }
  change(tensors);
  writeFileSync(file, encodeSafetensors(tensors));
}

/** Writes a folder's tensors anew, into one file, each as `change` makes it of its values. */
export async function rewriteTensors(
  dir: string,
  change: (
    name: string,
    values: Float32Array,
    shape: readonly number[],
  ) => { readonly dtype: StoredDType; readonly values: Float32Array },
): Promise<void> {
  const { weights, files } = await openCheckpoint(dir);
  const tensors = new Map<string, StoredTensor>();
  for (const [name, info] of weights) {
    const { file, shape } = info;
    const before = toFloat32(await readTensorBytes(file, info), info.dtype, { file, field: name });
    const { dtype, values } = change(name, before, shape);
    tensors.set(name, { dtype, shape, bytes: fromFloat32(values, dtype) });
  }
  for (const file of [...files, join(dir, indexName)]) rmSync(file, { force: true });
  writeFileSync(join(dir, 'model.safetensors'), encodeSafetensors(tensors));
}

/** The WhetstoneError that `action` ends with; any other outcome fails the test. */
export async function failureOf(action: () => unknown): Promise<WhetstoneError> {
  try {
    await action();
  } catch (error) {
    if (error instanceof WhetstoneError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

/** A safetensors file with any header, well-formed or not. */
export function rawSafetensors(
  header: string | Uint8Array,
  data: Uint8Array = new Uint8Array(0),
): Uint8Array {
  const text = typeof header === 'string' ? Buffer.from(header) : header;
  const prefix = Buffer.alloc(8);
  prefix.writeBigUInt64LE(BigInt(text.length));
  return Buffer.concat([prefix, text, data]);
}
