// npm run demo: aligns a small random model on the judged file beside this one, through the whetstone command.
// Usage: node examples/demo/demo.mjs [--out FOLDER] [--passes N]; the folder must not exist yet.
import { spawn } from 'node:child_process';
import { mkdir, readFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { writeRandomModel } from './random-model.mjs';

const root = fileURLToPath(new URL('../..', import.meta.url));
const command = join(root, 'dist/cli/main.js');
const judged = join(root, 'examples/demo/judged.jsonl');
const { values: given } = parseArgs({
  options: { out: { type: 'string' }, passes: { type: 'string', default: '10' } },
});
const passes = Number(given.passes);
const colour = process.stdout.isTTY === true && !process.env.NO_COLOR && process.env.TERM !== 'dumb';
const bold = (text) => (colour ? `\x1b[1m${text}\x1b[22m` : text);
const dim = (text) => (colour ? `\x1b[2m${text}\x1b[22m` : text);
const say = (...lines) => process.stdout.write(`${lines.join('\n')}\n`);

process.stdout.on('error', (error) => process.exit(error.code === 'EPIPE' ? 0 : 1));
try {
  await demo();
} catch (error) {
  process.stderr.write(`The demo failed: ${error.message}\n`);
  process.exitCode = 1;
}

async function demo() {
  if (!Number.isInteger(passes) || passes < 2) throw new Error('--passes must be a whole number from 2 on');
  const rows = await readJsonl(judged);
  const folder = await newFolder();
  const at = (name) => relative(process.cwd(), join(folder, name));
  const [data, model, run] = [relative(process.cwd(), judged), at('model'), at('run')];

  say(
    bold('A model that knows nothing, and people who say what is wrong'),
    '',
    `${rows.length} responses to small tasks, each either fine or with a sentence that says what is wrong with it,`,
    `are in ${data}. The model is made on the spot: a Llama with random`,
    'weights. It has never seen a sentence. This shows the machinery, not a result.',
    '',
  );
  const texts = rows.flatMap(({ instruction, input, output, judgment }) => [
    instruction,
    input,
    output,
    judgment,
  ]);
  const { parameters, vocabulary } = await writeRandomModel(
    model,
    texts.filter((text) => typeof text === 'string'),
  );
  say(`${model}: ${count(parameters)} random parameters, ${vocabulary} tokens learned from those texts`);
  say(dim('Below, "whetstone" is node dist/cli/main.js.'), '');

  await whetstone(['data', 'check', data]);

  // One thread: products this small are slower on several. No warm-up of 100 steps in a run that has about as many.
  const settings = { epochs: passes, learning_rate: '1e-2', warmup_steps: 5, lora_dropout: 0, threads: 1 };
  const flags = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, String(value)]);
  await whetstone(['align', data, '--model', model, '--out', run, ...flags]);
  const { first, last } = showPasses(await readJsonl(join(run, 'metrics.jsonl')), rows.length);

  const adapter = ['--adapter', join(run, 'adapter')];
  const score = ['score', data, '--model', model, '--threads', '1'];
  const [before, after] = [at('before.jsonl'), at('after.jsonl')];
  await whetstone([...score, '--out', before]);
  await whetstone([...score, ...adapter, '--out', after]);
  showLogProbs(await readJsonl(before), await readJsonl(after));

  await whetstone([...score, ...adapter], 13);
  say(
    `Marked ${colour ? 'red' : '[so]'} are flagged tokens: those that the judgment makes more than 1.2 times as likely as the plain`,
    'prompt does. Every training step pushes the tokens flagged at that moment down, after the plain prompt, and',
    'the others up.',
    '',
    bold('What this shows'),
    `  The whole path works on this machine: text to tokens to gradients to an adapter. The loss fell from`,
    `  ${first.toFixed(2)} to ${last.toFixed(2)}, measured on the rows it was trained on.`,
    bold('What it does not show'),
    '  That a judgment is understood. A model this small, without any language, picks up which tokens these rows',
    '  tend to use; what it flags follows chance associations, not the meaning of the words. For that it takes',
    '  a pretrained model and more rows: the same commands, with --model naming its folder.',
    '',
    `adapter  ${join(run, 'adapter')}  (PEFT layout: adapter_config.json, adapter_model.safetensors)`,
    `metrics  ${join(run, 'metrics.jsonl')}`,
    `next     whetstone merge --model ${model} --adapter ${join(run, 'adapter')} --out ${at('merged')}`,
  );
  if (!(last < first)) throw new Error('the loss did not go down');
}

/** runs/demo-1, or the next number that is free; with --out that folder, which must be new. */
async function newFolder() {
  if (given.out) return mkdir(given.out).then(() => given.out);
  const runs = join(root, 'runs');
  await mkdir(runs, { recursive: true });
  for (let number = 1; ; number++) {
    const folder = join(runs, `demo-${number}`);
    const made = await mkdir(folder).catch((error) => error);
    if (made === undefined) return folder;
    if (made.code !== 'EEXIST') throw made;
  }
}

/** Runs the command before the user's eyes; with `lines`, only that many lines of its output are printed. */
async function whetstone(args, lines = Infinity) {
  const head = lines === Infinity ? '' : ` | head -n ${lines}`;
  say(bold(`$ whetstone ${args.join(' ')}${head}`));
  const cut = lines !== Infinity;
  const child = spawn(process.execPath, [command, ...args], {
    stdio: ['ignore', cut ? 'pipe' : 'inherit', 'inherit'],
    env: cut && colour ? { ...process.env, FORCE_COLOR: '1' } : process.env,
  });
  let output = '';
  child.stdout?.setEncoding('utf8').on('data', (text) => (output += text));
  const [code, signal] = await new Promise((resolve, reject) => {
    child.on('error', reject).on('close', (...ended) => resolve(ended));
  });
  if (code !== 0) throw new Error(`whetstone ${args[0]} ended with ${signal ?? `exit code ${code}`}`);
  if (cut) say(...output.split('\n').slice(0, lines));
  say('');
}

/** Means over whole passes, because single steps see different rows. Returns the first and the last loss. */
function showPasses(steps, rowCount) {
  const means = Array.from({ length: passes }, (_, pass) => {
    const within = steps.filter(({ epoch }) => epoch > pass + 1e-9 && epoch <= pass + 1 + 1e-9);
    const mean = (value) => within.reduce((sum, step) => sum + value(step), 0) / within.length;
    return [(s) => s.loss, (s) => s.loss_l1, (s) => s.loss_l2, (s) => s.flagged_fraction].map(mean);
  });
  say(`Means over each pass through the ${rowCount} rows`, dim('  pass    loss      l1      l2  flagged'));
  for (const [pass, [loss, l1, l2, flagged]] of means.entries()) {
    const losses = [loss, l1, l2].map((value) => value.toFixed(3).padStart(6)).join('  ');
    say(`  ${String(pass + 1).padStart(4)}  ${losses}  ${percent(flagged).padStart(7)}`);
  }
  say(
    dim(
      '  l1: unlikelihood of flagged tokens, likelihood of the others; l2: likelihood given the right context',
    ),
    '',
  );
  return { first: means[0][0], last: means.at(-1)[0] };
}

function showLogProbs(before, after) {
  const mean = (rows, label, field) => {
    const values = rows.filter((row) => row.label === label).flatMap((row) => row[field]);
    return (values.reduce((a, b) => a + b, 0) / values.length).toFixed(2).padStart(8);
  };
  say('Mean log-prob of a response token (nats)       before   after');
  for (const [name, ...of] of [
    ['satisfactory, plain prompt', 'align-p', 'logprob'],
    ['unsatisfactory, plain prompt', 'align-n', 'logprob'],
    ['unsatisfactory, prompt with its judgment', 'align-n', 'logprob_judged'],
  ])
    say(`  ${name.padEnd(42)} ${mean(before, ...of)}${mean(after, ...of)}`);
  say('');
}

async function readJsonl(file) {
  return (await readFile(file, 'utf8'))
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
}

function count(n) {
  return n.toLocaleString('en-US');
}

function percent(fraction) {
  return `${Math.round(fraction * 100)}%`;
}
