// A process that works in a folder: takes it, says so, and then writes a file there for every line it is sent.
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { writeFileDurably } from '../../src/durable/files.ts';
import { lockFolder } from '../../src/durable/lock.ts';
import { WhetstoneError } from '../../src/errors.ts';

const [dir, patience] = process.argv.slice(2);
const tell = (line: object): void => void process.stdout.write(`${JSON.stringify(line)}\n`);
const codeOf = (error: unknown): string => (error instanceof WhetstoneError ? error.code : String(error));

try {
  const lock = await lockFolder(dir!, patience === undefined ? {} : { patience: Number(patience) });
  tell({ taken: true, notes: lock.notes.map(({ text }) => text) });
  for await (const name of createInterface({ input: process.stdin })) {
    tell(await writeFileDurably(join(dir!, name), name).then(() => ({ wrote: name }), (error: unknown) => ({ refused: codeOf(error) }))); // prettier-ignore
  }
  await lock.release();
} catch (error) {
  tell({ refused: codeOf(error) });
}
