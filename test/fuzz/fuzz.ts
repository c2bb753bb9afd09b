// Tries many inputs on a reader of foreign bytes: it answers, or a WhetstoneError says why not, soon, in little memory, and
// in words that a terminal can show. Knows no reader. FUZZ_RUNS=20000 tries so many on each, FUZZ_SEED=7 others.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { WhetstoneError } from '../../src/errors.ts';
import { thousands } from '../../src/words/numbers.ts';

export interface Fuzzed<Input> {
  readonly inputs: fc.Arbitrary<Input>;
  /** How many are tried where FUZZ_RUNS says nothing; CONTRIBUTING.md has them in its table. */
  readonly runs: number;
  /** Of so many inputs at least one is to be read without an error, so that not all are refused at the door. */
  readonly readOneIn: number;
  /** Reads one input. An error other than a WhetstoneError is a fault; what is returned may be anything. */
  readonly read: (input: Input) => unknown;
}

/** Processor time that one input may take, in seconds: a busy machine makes nothing slower by this clock. */
const secondsAnInput = 2;
/** Seconds by the clock on the wall after which an input hangs. */
const secondsOfHanging = 30;
/** Bytes that the process may take while it reads one input. */
const memory = 1 << 30;

const given = (name: string, otherwise: number): number => Number(process.env[name] ?? otherwise);
const seed = given('FUZZ_SEED', 20_261_127);

/** A test of a reader, under the name that CONTRIBUTING.md has for it. */
export function fuzz<Input>(what: string, { inputs, runs, readOneIn, read }: Fuzzed<Input>): void {
  const tried = given('FUZZ_RUNS', runs);
  it(`${what}, ${thousands(tried)} inputs`, { timeout: Math.max(120_000, 200 * tried) }, async () => {
    expect(listed).toContain(`| ${what} | ${thousands(runs)} |`);
    const watch = watchOver(what);
    let wasRead = 0;
    try {
      const property = fc.asyncProperty(inputs, async (input) => {
        watch.next();
        const begun = process.cpuUsage();
        try {
          await read(input);
          wasRead++;
        } catch (error) {
          if (!(error instanceof WhetstoneError)) throw error;
          expectTellable(error.message);
        }
        const { user, system } = process.cpuUsage(begun);
        expect((user + system) / 1e6, 'seconds of processor time').toBeLessThan(secondsAnInput);
      });
      await fc.assert(property, { seed, numRuns: tried });
    } finally {
      await watch.end();
    }
    expect(wasRead, 'inputs that were read').toBeGreaterThanOrEqual(Math.floor(tried / readOneIn));
  });
}

/** Fails for a text that moves a terminal's cursor, that drowns its reader, or that JavaScript wrote. */
export function expectTellable(text: string): void {
  // eslint-disable-next-line no-control-regex
  expect(text).not.toMatch(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/);
  expect(text).not.toMatch(
    /\[object|TypeError|RangeError|Cannot read prop|is not a function|is not iterable/,
  );
  expect(text.length).toBeLessThan(4000);
}

/** The lines of CONTRIBUTING.md's tables. */
const listed = readFileSync(fileURLToPath(new URL('../../CONTRIBUTING.md', import.meta.url)), 'utf8')
  .split('\n')
  .filter((line) => line.startsWith('|'))
  .map((line) => line.replace(/ +/g, ' '));

// A thread of its own sees what the main one cannot tell while it is stuck; it ends the process, which fails the test file.
const watcher = `
  const { workerData: { what, count, seconds, bytes } } = require('node:worker_threads');
  const { writeSync } = require('node:fs');
  let [seen, since, limit] = [-1, 0, 0];
  setInterval(() => {
    const input = Atomics.load(count, 0);
    const rss = process.memoryUsage.rss();
    if (input !== seen) [seen, since, limit] = [input, performance.now(), rss + bytes];
    const hangs = input > 0 && performance.now() - since > 1000 * seconds;
    if (!hangs && rss < limit) return;
    writeSync(2, \`\${what}: input \${input} \${hangs ? 'hangs' : 'takes more than 1 GB'}\\n\`);
    process.kill(process.pid, 'SIGKILL');
  }, 50);
`;

function watchOver(what: string): { readonly next: () => void; readonly end: () => Promise<unknown> } {
  const count = new Int32Array(new SharedArrayBuffer(4));
  const workerData = { what, count, seconds: secondsOfHanging, bytes: memory };
  const worker = new Worker(watcher, { eval: true, workerData, execArgv: [] });
  return { next: () => void Atomics.add(count, 0, 1), end: () => worker.terminate() };
}
