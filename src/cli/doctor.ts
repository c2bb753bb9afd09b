// whetstone doctor: which devices this machine has, whether they compute right, how fast they are, and what fits.
import { blockSize } from '../models/quantize.ts';
import { bytesInWords } from '../words/numbers.ts';
import type { Examination } from '../engine/doctor.ts';
import { doctorTable } from '../options/verbs.ts';
import type { Given, Verb } from './flags.ts';
import { snakeFields } from './events.ts';
import type { Colors } from './terminal.ts';
import type { VerbContext } from './screen.ts';

export const doctorVerb: Verb<typeof doctorTable> = {
  name: 'doctor',
  summary: 'Say which devices compute here, and whether they are right',
  about: `Scores, trains and continues a small random model on each device and compares with the CPU:
log-probs, gradients, ten steps of training, greedy text. Then the speed of a product of
matrices, and how many weights fit into memory. Exit code 1 if
the device that was asked for is missing or wrong.`,
  examples: [
    ['doctor', 'every device'],
    ['doctor --device webgpu', 'one of them'],
  ],
  table: doctorTable,
  required: () => [],
  together: () => [],
};

export async function runDoctor(
  { values }: Given<typeof doctorTable>,
  { screen }: VerbContext,
): Promise<number> {
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
  const lines = checks.map(({ what, found, limit }) => {
    const verdict = found <= limit ? 'right' : colors.red('WRONG');
    return `          ${verdict}  ${what}: ${found === 0 ? '0' : found.toPrecision(2)}, at most ${limit}`;
  });
  return [
    `${device.padEnd(9)} ${driver}`,
    ...lines,
    `          ${gigaflops!.toFixed(0)} GFLOP/s in float32 (512 x 2048 by 2048 x 2048)`,
    `          --compute_dtype float16: ${halves ?? (device === 'cpu' ? 'right, and slower than float32' : 'right')}`,
  ].join('\n');
}
