// Peak resident memory of this process.
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
