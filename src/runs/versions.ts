// Versions of what a run is computed with. Knows packages, nothing of what is computed.
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { RunRecord } from './record.ts';
import { note } from '../words/note.ts';
import type { Note } from '../words/note.ts';

/** What run.yaml calls the engine in this process. */
export const onnxName = 'onnx';

export interface Versions {
  readonly whetstone: string;
  readonly node: string;
  readonly 'onnxruntime-node': string;
}

export async function versions(): Promise<Versions> {
  const require = createRequire(import.meta.url);
  const ort = await version(() => dirname(require.resolve('onnxruntime-node')), 'onnxruntime-node');
  const own = await version(() => dirname(fileURLToPath(import.meta.url)), 'whetstone');
  return { whetstone: own, node: process.versions.node, 'onnxruntime-node': ort };
}

/** Version of the package called `name` whose package.json is in or above the folder; "unknown" if there is none. */
async function version(folder: () => string, name: string): Promise<string> {
  try {
    for (let dir = folder(); ; dir = dirname(dir)) {
      const text = await readFile(join(dir, 'package.json'), 'utf8').catch(() => '{}');
      const found = JSON.parse(text) as { name?: string; version?: string };
      if (found.name === name) return found.version ?? 'unknown';
      if (dir === dirname(dir)) return 'unknown';
    }
  } catch {
    return 'unknown';
  }
}

/** Other versions may round differently, so the promise of the same bytes ends there; worth a word, not a refusal. */
export function versionNotes(now: RunRecord, recorded: RunRecord): Note[] {
  const [fresh, before] = [now.run['versions'] as Versions, recorded.run['versions'] as Versions | undefined];
  const changed = Object.entries(fresh).filter(([name, value]) => before?.[name as keyof Versions] !== value);
  const notes = changed.map(([name, value]) => {
    const old = before?.[name as keyof Versions] ?? 'unknown';
    return note(
      'OTHER_VERSION',
      `The run began with ${name} ${old}, this is ${String(value)}: ${lastDigits}`,
    );
  });
  const [engine, earlierEngine] = [engineOf(now), engineOf(recorded)];
  if (engine !== earlierEngine) {
    const text = `The run had the engine ${earlierEngine}, this is ${engine}: ${lastDigits}`;
    // The rest is of another engine's.
    return [...notes, note('OTHER_ENGINE', text)];
  }
  const [threads, earlierThreads] = [now.run['threads'], recorded.run['threads']];
  if (threads !== earlierThreads) {
    const text = `The run began on ${String(earlierThreads)} threads, this is ${String(threads)}: ${lastDigits}`;
    notes.push(note('OTHER_THREADS', text));
  }
  // Records of older versions name no device: there was the CPU alone.
  const [device, earlierDevice] = [now, recorded].map(
    ({ run }) => (run['device'] as string | undefined) ?? 'cpu',
  );
  if (device !== earlierDevice) {
    const text = `The run began on the device ${earlierDevice}, this is ${device}: ${lastDigits}`;
    notes.push(note('OTHER_DEVICE', text));
  }
  return notes;
}

/** What the run's last session was computed with. Records of older versions name no engine: there was one. */
const engineOf = ({ run }: RunRecord): string =>
  laterEngines(run).at(-1) ?? (run['engine'] as string | undefined) ?? onnxName;

const laterEngines = (run: RunRecord['run']): readonly string[] => {
  const later = run['later_engines'];
  return Array.isArray(later) ? later.filter((each) => typeof each === 'string') : [];
};

/** What run.yaml says of a run that goes on: with another engine, which one. */
export function goesOnWith(now: RunRecord, recorded: RunRecord): RunRecord['run'] {
  const [engine, earlier] = [engineOf(now), engineOf(recorded)];
  if (now.run['engine'] === undefined || engine === earlier) return recorded.run;
  return { ...recorded.run, later_engines: [...laterEngines(recorded.run), engine] };
}

const lastDigits = 'results may differ in the last digits.';
