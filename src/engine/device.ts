// Where graphs run: which of ONNX Runtime's execution providers this machine has, and what to do where one is missing.
// A device counts as there when it has multiplied two matrices and the product is right.
import { InferenceSession, Tensor as OrtTensor, listSupportedBackends } from './runtime.ts';
import { WhetstoneError } from '../errors.ts';
import type { Provider } from '../graph/index.ts';
import { cast, emit, input, linear, substitute } from '../graph/index.ts';
import type { ComputeDType } from '../models/index.ts';
import { note } from '../words/note.ts';
import type { Note } from '../words/note.ts';

/** A device by name; `auto` is the first of `devices` that this machine has. */
export type Device = Provider | 'auto';

/** In the order in which `auto` tries them: fastest first. */
export const devices: readonly Provider[] = ['cuda', 'coreml', 'dml', 'webgpu', 'cpu'];

const remedies: Readonly<Record<Provider, string>> = {
  cpu: 'Install onnxruntime-node again.',
  webgpu:
    'It needs a driver for Vulkan (Linux; of Mesa 25 or newer, or the maker of the GPU), Direct3D 12 (Windows) or Metal ' +
    '(macOS).',
  cuda:
    'It needs Linux on x64, an NVIDIA driver with CUDA 12, cuDNN 9, and the CUDA files of onnxruntime-node, which npm ' +
    'fetches unless scripts are ignored ("npm rebuild onnxruntime-node --ignore-scripts=false" fetches them).',
  coreml: 'It is part of macOS alone.',
  dml: 'It is part of Windows alone.',
};

/** A device that was found, and in words what was found on the way. */
export interface FoundDevice {
  readonly device: Provider;
  readonly notes: readonly Note[];
}

/**
 * Throws `ENGINE_DEVICE` for a device that this machine has not, or that does not compute in `dtype`, with the driver's words
 * and what to do.
 */
export async function findDevice(wanted: Device, dtype: ComputeDType = 'float32'): Promise<FoundDevice> {
  const found = await findAny(wanted);
  if (dtype === 'float32') return found;
  const problem = await problemOf(found.device, dtype);
  if (problem !== null) {
    throw new WhetstoneError(
      'ENGINE_DEVICE',
      `the device ${found.device} does not compute in ${dtype}: ${problem}`,
      {
        field: 'compute_dtype',
        hint: 'Leave compute_dtype at float32; base_dtype int8 and int4 save memory on every device.',
      },
    );
  }
  const slow = note(
    'HALF_ON_CPU',
    `The CPU computes ${dtype} in float32, converting to and fro: less memory, more time.`,
  );
  return { ...found, notes: [...found.notes, ...(found.device === 'cpu' ? [slow] : [])] };
}

async function findAny(wanted: Device): Promise<FoundDevice> {
  if (wanted === 'cpu') return { device: 'cpu', notes: [] };
  if (wanted !== 'auto') {
    const problem = await problemOf(wanted);
    if (problem === null) return { device: wanted, notes: [] };
    throw new WhetstoneError('ENGINE_DEVICE', `the device ${wanted} cannot be used here: ${problem}`, {
      hint: `${remedies[wanted]} The device auto takes what there is; cpu works everywhere.`,
    });
  }
  const passed: string[] = [];
  for (const device of devices) {
    const problem = device === 'cpu' ? null : await problemOf(device);
    if (problem === null) {
      const others = passed.length > 0 ? ` Not ${passed.join('; not ')}.` : '';
      return { device, notes: [note('DEVICE', `Computes on the device ${device}.${others}`)] };
    }
    passed.push(`${device}: ${problem}`);
  }
  throw new Error('unreachable: the CPU is always there');
}

/** Why a device cannot be used for values of a dtype, in a few words; null where it computes, and right. */
export async function problemOf(device: Provider, dtype: ComputeDType = 'float32'): Promise<string | null> {
  if (!listSupportedBackends().some(({ name }) => name === device))
    return `onnxruntime-node has no provider for it on ${process.platform} ${process.arch}`;
  try {
    const [left, right] = [input('x', 'float32', [3, 4]), input('w', 'float32', [2, 4])];
    const product = cast(linear(cast(left, dtype), cast(right, dtype)), 'float32');
    const model = emit(substitute({ y: product }, device));
    const session = await InferenceSession.create(model.bytes, {
      executionProviders: [device],
      logSeverityLevel: 4,
    });
    const values = (count: number, at: number): Float32Array =>
      Float32Array.from({ length: count }, (_, i) => at + i);
    const [x, w] = [values(12, -4), values(8, 0.5)];
    const { y } = await session.run({ x: new OrtTensor(x, [3, 4]), w: new OrtTensor(w, [2, 4]) });
    const found = Array.from(y!.data as Float32Array);
    await session.release();
    // The values are halves, and so are their products.
    const isRight = found.every((value, i) => Math.abs(value - productAt(x, w, i)) < 1e-3);
    return isRight ? null : 'its product of two small matrices is wrong';
  } catch (cause) {
    return firstLine((cause as Error).message);
  }
}

/** Element i of [3, 4] times the transpose of [2, 4]. */
const productAt = (x: Float32Array, w: Float32Array, i: number): number =>
  [0, 1, 2, 3].reduce((sum, k) => sum + x[4 * (i >> 1) + k]! * w[4 * (i & 1) + k]!, 0);

const firstLine = (text: string): string => text.split('\n')[0]!.trim().replace(/\.$/, '');
