// The judge of the synthetic world as a module, for trying out what judges are for without a server:
//   whetstone judge responses.jsonl --judge ./examples/world-judge.mjs --out judged.jsonl
//   whetstone online ... --judge ./examples/world-judge.mjs
// The instructions are those of `whetstone world tasks`.
import { createHash } from 'node:crypto';
import { createRandom } from 'whetstone/judgments';
import { judge, parseTask } from 'whetstone/world';

/** Null where the answer is right, else what is wrong with it, in one of several wordings that follow from the text. */
export default ({ instruction, output }) => {
  const task = parseTask(instruction);
  if (task === null) throw new Error('not an instruction of this world');
  const wording = createHash('sha256').update(`${instruction}\n${output}`).digest().readUInt32LE();
  return judge(task, output, createRandom(wording)).judgment;
};
