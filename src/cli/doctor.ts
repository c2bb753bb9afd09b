// whetstone doctor: which devices this machine has, whether they compute right, how fast they are, and what fits.
import { blockSize } from '../models/quantize.ts';
import { bytesInWords } from '../words/numbers.ts';
import type { Check } from '../engine/conformance.ts';
import type { Examination } from '../engine/doctor.ts';
import { requireEngine } from '../engine/open-weights.ts';
import { isTorch } from '../engine/torch/address.ts';
import type { TorchExamination } from '../engine/torch/examine.ts';
import { doctorTable } from '../options/verbs/engine.ts';
import type { Given, Verb } from './flags.ts';
import { snakeFields } from './events.ts';
import type { Colors } from './terminal.ts';
import type { VerbContext } from './screen.ts';

export const doctorVerb: Verb<typeof doctorTable> = {
  name: 'doctor',
  summary: 'Say which devices compute here, and whether they are right',
  about: `Scores, trains and continues a small random model on each device and compares with the CPU:
log-probs, gradients, ten steps of training, greedy text. Then the speed of a product of
matrices, and how many weights fit into memory. With --engine torch: what its Python has,
what is missing and how to install it, and the same model on PyTorch. Exit code 1 if
the device or the engine that was asked for is missing or wrong.`,
  examples: [
    ['doctor', 'every device'],
    ['doctor --device webgpu', 'one of them'],
    ['doctor --engine torch --nproc 2', 'PyTorch, in two ranks'],
  ],
  table: doctorTable,
  required: () => [],
  together: () => [],
};

export async function runDoctor(
  { values }: Given<typeof doctorTable>,
  { screen }: VerbContext,
): Promise<number> {
  requireEngine(values);
  if (isTorch(values.engine)) return runTorchDoctor(values, screen);
  const { examineDevice, isHealthy } = await import('../engine/doctor.ts');
  const { devices, findDevice } = await import('../engine/device.ts');
  const { availableMemory } = await import('../engine/available-memory.ts');
  const asked = values.device;
  const wanted =
    asked === null ? [...devices].reverse() : [asked === 'auto' ? (await findDevice('auto')).device : asked];
  let healthy = true;
  for (const device of wanted) {
    const examined = await examineDevice(device);
    // Of all devices one that is missing is nothing wrong; one that computes wrong is.
    if (!isHealthy(examined) && (asked !== null || examined.problem === null)) healthy = false;
    screen.result(
      'device',
      snakeFields({ ...examined, healthy: isHealthy(examined) }),
      describe(examined, screen.colors),
    );
  }
  const { bytes, limitedBy } = await availableMemory();
  const rooms = precisions.map(({ name, bytesEach }) => ({ name, parameters: bytes / bytesEach }));
  screen.result(
    'memory',
    {
      available_bytes: bytes,
      limited_by: limitedBy,
      largest_model: Object.fromEntries(rooms.map((room) => [room.name, Math.round(room.parameters)])),
    },
    [
      `memory    ${bytesInWords(bytes)} available (${limitedBy})`,
      ...rooms.map(
        ({ name, parameters }) =>
          `          holds the weights of ${billions(parameters)} parameters in ${name}`,
      ),
      '          what a run needs beside them "whetstone align" says before it begins',
    ].join('\n'),
  );
  return healthy ? 0 : 1;
}

async function runTorchDoctor(
  { engine, nproc, python, device }: Given<typeof doctorTable>['values'],
  screen: VerbContext['screen'],
): Promise<number> {
  const { examineTorch } = await import('../engine/torch/examine.ts');
  const { isRight } = await import('../engine/conformance.ts');
  const examined = await examineTorch({ engine, nproc, python }, device ?? 'cpu');
  const healthy = examined.problem === null && examined.checks.every(isRight);
  screen.result('engine', snakeFields({ ...examined, healthy }), describeTorch(examined, screen.colors));
  return healthy ? 0 : 1;
}

function describeTorch(
  { engine, python, has, finds, computes, problem, remedy, checks }: TorchExamination,
  colors: Colors,
): string {
  const versions = Object.entries(has?.packages ?? {}).map(
    ([name, version]) => `${name} ${version ?? 'none'}`,
  );
  return [
    `${engine.padEnd(9)} ${computes ?? `${colors.yellow('does not run here')}: ${problem}`}`,
    ...(python === null ? [] : [`          Python ${has?.version ?? 'none'} (${python})`]),
    ...(versions.length === 0 ? [] : [`          ${versions.join(', ')}`]),
    ...(finds === null
      ? []
      : [
          `          CUDA ${finds.cuda ?? 'is not in this PyTorch'}: ${finds.devices.join(', ') || 'no device'}`,
          `          ranks talk through ${finds.backends.join(' and ') || 'nothing: one rank alone'}`,
        ]),
    ...checkLines(checks, colors),
    ...(computes !== null && problem !== null ? [`          ${colors.red('FAILED')}  ${problem}`] : []),
    ...(remedy === null ? [] : [`          ${remedy}`]),
  ].join('\n');
}

/** What a frozen weight takes in memory. */
const precisions = [
  { name: 'float32', bytesEach: 4 },
  { name: 'int8', bytesEach: 1 + 4 / blockSize },
  { name: 'int4', bytesEach: 1 / 2 + 4 / blockSize },
] as const;

const billions = (count: number): string =>
  count >= 1e9 ? `${(count / 1e9).toFixed(1)} billion` : `${Math.round(count / 1e6)} million`;

function describe(
  { device, driver, problem, checks, halves, gigaflops }: Examination,
  colors: Colors,
): string {
  if (problem !== null) return `${device.padEnd(9)} ${colors.yellow('not here')}: ${problem}`;
  return [
    `${device.padEnd(9)} ${driver}`,
    ...checkLines(checks, colors),
    `          ${gigaflops!.toFixed(0)} GFLOP/s in float32 (512 x 2048 by 2048 x 2048)`,
    `          --compute_dtype float16: ${halves ?? (device === 'cpu' ? 'right, and slower than float32' : 'right')}`,
  ].join('\n');
}

const checkLines = (checks: readonly Check[], colors: Colors): string[] =>
  checks.map(({ what, found, limit }) => {
    const verdict = found <= limit ? 'right' : colors.red('WRONG');
    return `          ${verdict}  ${what}: ${found === 0 ? '0' : found.toPrecision(2)}, at most ${limit}`;
  });
