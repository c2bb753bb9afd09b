// Whether the engine torch can run here, and computes right: what its Python has, what PyTorch finds, and a small random
// model on it against the engine in this process.
import { withTemporaryFolder } from '../../durable/temporary.ts';
import { WhetstoneError } from '../../errors.ts';
import type { Check } from '../conformance.ts';
import { compareObservations, observe, writeProbeModel } from '../conformance.ts';
import type { Device } from '../device.ts';
import { openEngine } from '../onnx-engine.ts';
import type { PythonFound, TorchFound } from './python.ts';
import { lookAtPython, lookAtTorch, problemIn, pythonFor } from './python.ts';
import { openTorchEngine } from './torch-engine.ts';
import { missing } from './worker-process.ts';
import type { TorchSettings } from './worker.ts';

export interface TorchExamination {
  /** `torch`, or the address of a worker. */
  readonly engine: string;
  /** Null for a worker that was started elsewhere, as are what its Python has and what PyTorch finds there. */
  readonly python: string | null;
  readonly has: PythonFound | null;
  readonly finds: TorchFound | null;
  /** What computes, as the worker says it. */
  readonly computes: string | null;
  /** Why it cannot be used; null where it can, and then there is the rest. */
  readonly problem: string | null;
  /** What helps. */
  readonly remedy: string | null;
  readonly checks: readonly Check[];
}

/** Reports what is missing as such, and throws only what goes wrong beside it. */
export async function examineTorch(
  settings: TorchSettings,
  device: Device = 'cpu',
): Promise<TorchExamination> {
  const nothing = {
    ...{ engine: settings.engine, python: null, has: null, finds: null, computes: null },
    ...{ problem: null, remedy: null, checks: [] },
  };
  if (settings.engine !== 'torch') return { ...nothing, ...(await compute(settings, device)) };
  const python = pythonFor(settings.python);
  const has = await lookAtPython(python);
  const problem = typeof has === 'string' ? has : problemIn(has);
  const found = { ...nothing, python, has: typeof has === 'string' ? null : has };
  if (problem !== null) return { ...found, problem, remedy: missing(python, problem).hint! };
  const finds = await lookAtTorch(python);
  if (typeof finds === 'string') return { ...found, problem: finds, remedy: missing(python, finds).hint! };
  return { ...found, finds, ...(await compute(settings, device)) };
}

async function compute(
  settings: TorchSettings,
  device: Device,
): Promise<Pick<TorchExamination, 'computes' | 'problem' | 'remedy' | 'checks'>> {
  return withTemporaryFolder('doctor', async (folder) => {
    await writeProbeModel(folder);
    let computes: string | null = null;
    try {
      const found = await observe(async (options) => {
        const engine = await openTorchEngine({ ...options, device }, settings);
        computes = `${engine.describe().engine}, on ${engine.describe().device}`;
        return engine;
      }, folder);
      const reference = await observe(openEngine, folder);
      return { computes, problem: null, remedy: null, checks: compareObservations(reference, found) };
    } catch (error) {
      if (!(error instanceof WhetstoneError)) throw error;
      return { computes, problem: error.problem, remedy: error.hint ?? null, checks: [] };
    }
  });
}
