// GPUs that language models are trained on: memory, arithmetic and the link to their neighbours, from their makers' data
// sheets. Add a row for another; nothing else knows their names.
import { WhetstoneError } from '../errors.ts';
import { suggestion } from '../options/suggest.ts';

export interface GpuKind {
  readonly title: string;
  /** Bytes, as the maker counts them (10^9). */
  readonly memory: number;
  /** FLOP/s of dense bfloat16 products with float32 sums, without sparsity. */
  readonly flops: number;
  /** Bytes a second that one of them receives from the others of its machine: NVLink or Infinity Fabric, else PCIe. */
  readonly link: number;
}

const GB = 1e9;
const TFLOPS = 1e12;

export const gpuKinds: Readonly<Record<string, GpuKind>> = {
  b200: { title: 'NVIDIA B200 180 GB', memory: 180 * GB, flops: 2250 * TFLOPS, link: 900 * GB },
  h200: { title: 'NVIDIA H200 141 GB', memory: 141 * GB, flops: 989 * TFLOPS, link: 450 * GB },
  h100: { title: 'NVIDIA H100 SXM 80 GB', memory: 80 * GB, flops: 989 * TFLOPS, link: 450 * GB },
  'h100-pcie': { title: 'NVIDIA H100 PCIe 80 GB', memory: 80 * GB, flops: 756 * TFLOPS, link: 64 * GB },
  a100: { title: 'NVIDIA A100 SXM 80 GB', memory: 80 * GB, flops: 312 * TFLOPS, link: 300 * GB },
  'a100-40gb': { title: 'NVIDIA A100 SXM 40 GB', memory: 40 * GB, flops: 312 * TFLOPS, link: 300 * GB },
  l40s: { title: 'NVIDIA L40S 48 GB', memory: 48 * GB, flops: 362 * TFLOPS, link: 32 * GB },
  l4: { title: 'NVIDIA L4 24 GB', memory: 24 * GB, flops: 121 * TFLOPS, link: 32 * GB },
  a10g: { title: 'NVIDIA A10G 24 GB', memory: 24 * GB, flops: 70 * TFLOPS, link: 32 * GB },
  'rtx-5090': { title: 'NVIDIA GeForce RTX 5090 32 GB', memory: 32 * GB, flops: 209 * TFLOPS, link: 64 * GB },
  'rtx-4090': { title: 'NVIDIA GeForce RTX 4090 24 GB', memory: 24 * GB, flops: 165 * TFLOPS, link: 32 * GB },
  'rtx-3090': { title: 'NVIDIA GeForce RTX 3090 24 GB', memory: 24 * GB, flops: 71 * TFLOPS, link: 32 * GB },
  mi300x: { title: 'AMD Instinct MI300X 192 GB', memory: 192 * GB, flops: 1307 * TFLOPS, link: 448 * GB },
};

export interface Devices extends GpuKind {
  readonly count: number;
}

/**
 * "8xh100": so many of a kind. "8xh100@64gb": each with so much memory, for a share of one or a kind that is sold with more.
 *
 * Throws WhetstoneError `UNKNOWN_DEVICES`.
 */
export function readDevices(text: string): Devices {
  const [, count = '1', name = '', memory] =
    /^(?:(\d{1,6})\s*x\s*)?([a-z][\w-]*)(?:@(\d+(?:\.\d+)?)\s*gb)?$/i.exec(text.trim()) ?? [];
  const kind = Object.entries(gpuKinds).find(([key]) => key === name.toLowerCase())?.[1];
  const places = Number(count);
  const bytes = memory === undefined ? (kind?.memory ?? 0) : Number(memory) * GB;
  if (kind && places > 0 && bytes > 0) return { ...kind, memory: bytes, count: places };
  const names = Object.keys(gpuKinds);
  throw new WhetstoneError('UNKNOWN_DEVICES', `"${text}" is no number and kind of device`, {
    hint: `Write it as 8xh100, or 4xa100@64gb for another size of memory; kinds are ${names.join(', ')}.${suggestion(name, names)}`,
  });
}
