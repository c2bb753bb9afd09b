import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openEventLog } from './event-log.ts';
import { scalarsEvent, startEvent, versionEvent } from './events.ts';
import { crc32c, frameRecord } from './record-frame.ts';

const golden = (name: string): URL => new URL(`../../test/golden/tensorboard/${name}`, import.meta.url);

describe('the format', () => {
  it('is that of the tensorboard package, byte by byte', async () => {
    const { time, start, scalars } = JSON.parse(await readFile(golden('events.json'), 'utf8')) as {
      time: number;
      start: number;
      scalars: { step: number; time: number; values: Record<string, number | 'nan'> }[];
    };
    const events = [
      versionEvent(time),
      startEvent(time, start),
      ...scalars.map(({ step, time: at, values }) =>
        scalarsEvent(
          at,
          step,
          Object.fromEntries(Object.entries(values).map(([tag, value]) => [tag, Number(value)])),
        ),
      ),
    ];
    const ours = Buffer.concat(events.map(frameRecord));
    expect(ours.toString('hex')).toBe((await readFile(golden('events.bin'))).toString('hex'));
  });

  // RFC 3720, appendix B.4.
  it.each([
    ['32 zeros', new Uint8Array(32), 0x8a9136aa],
    ['32 ones', new Uint8Array(32).fill(0xff), 0x62a8ab43],
    ['0 to 31', Uint8Array.from({ length: 32 }, (_, i) => i), 0x46dd794e],
    ['31 to 0', Uint8Array.from({ length: 32 }, (_, i) => 31 - i), 0x113fdb5c],
  ])('has the checksum of %s', (_, bytes, sum) => {
    expect(crc32c(bytes)).toBe(sum);
  });
});

describe('a session', () => {
  let dir: string;
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'whetstone-events-'));
  });
  afterEach(() => rm(dir, { recursive: true, force: true }));

  it('appends to a file of its own and leaves what is there, in whose order readers take them', async () => {
    const now = (): number => 1760000000;
    await writeFile(join(dir, 'events.out.tfevents.1760000007.other.1'), 'theirs');
    const paths: string[] = [];
    for (const firstStep of [1, 4]) {
      const log = await openEventLog(dir, now);
      await log.start(firstStep);
      await log.add(firstStep, { 'train/loss': 1 });
      await log.close();
      await log.close();
      paths.push(log.path);
      const expected = [
        versionEvent(now()),
        startEvent(now(), firstStep),
        scalarsEvent(now(), firstStep, { 'train/loss': 1 }),
      ];
      expect(await readFile(log.path)).toEqual(Buffer.concat(expected.map(frameRecord)));
    }
    const names = (await readdir(dir)).sort();
    expect(names).toHaveLength(3);
    expect(names.slice(1).map((name) => join(dir, name))).toEqual(paths);
    expect(await readFile(join(dir, names[0]!), 'utf8')).toBe('theirs');
  });

  it('makes its folder', async () => {
    const log = await openEventLog(join(dir, 'a', 'b'));
    await log.close();
    expect(await readdir(join(dir, 'a', 'b'))).toHaveLength(1);
  });
});
