// Resident memory of this process: at its peak, and of weights that are mapped from their files.
import { readFileSync } from 'node:fs';

/** Bytes: VmHWM, where the system tells it, else what the process holds now. */
export function peakMemory(): number {
  try {
    const found = /^VmHWM:\s+(\d+)/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1];
    if (found !== undefined) return Number(found) * 1024;
  } catch {
    // Not Linux.
  }
  return process.memoryUsage.rss();
}

/** Bytes of the pages of safetensors files that are in memory, and of those that belong to no file; Linux alone. */
export function residentWeights(): { readonly mapped: number; readonly anonymous: number } {
  const maps = readFileSync('/proc/self/smaps', 'utf8').split(/\n(?=[0-9a-f]+-[0-9a-f]+ )/);
  const mapped = maps
    .filter((map) => /\.safetensors$/m.test(map.slice(0, map.indexOf('\n'))))
    .reduce((sum, map) => sum + 1024 * Number(/^Rss:\s+(\d+)/m.exec(map)![1]), 0);
  const anonymous = 1024 * Number(/^RssAnon:\s+(\d+)/m.exec(readFileSync('/proc/self/status', 'utf8'))![1]);
  return { mapped, anonymous };
}
