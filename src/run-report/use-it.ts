// How a trained adapter is used from here on, as lines to copy: with this program, PEFT, vLLM, llama.cpp and Ollama. Pure;
// the names of flags and fields are those programs' own.
import { join } from 'node:path';
import type { UseEntry } from '../report/index.ts';
import { shellWord } from '../words/shell.ts';
import type { Trained } from './trained.ts';

const question = 'Name three rivers.';

export const useIt = (trained: Trained): UseEntry[] => [
  ours(trained),
  peft(trained),
  vllm(trained),
  llamaCpp(trained),
  ollama(trained),
];

/** The same in few lines, each with the program that it is for. */
export function nextLines(trained: Trained): (readonly [program: string, line: string])[] {
  const { name } = trained;
  const adapter = shellWord(trained.adapter);
  const rank = vllmRank(trained.rank);
  return [
    ['ask it', generateLine(trained)],
    ['serve it', serveLine(trained)],
    [
      'PEFT',
      `PeftModel.from_pretrained(model, ${python(trained.adapter)})  # model: ${python(trained.base)}`,
    ],
    [
      'vLLM',
      rank === null
        ? `ranks end at ${vllmRanks.at(-1)}: merge it first`
        : `vllm serve ${shellWord(trained.base)} --enable-lora --max-lora-rank ${rank} --lora-modules ${name}=${adapter}`,
    ],
    [
      'llama.cpp',
      `whetstone export --model ${shellWord(trained.folder)} --adapter ${adapter} --out ${name}.gguf`,
    ],
    ['Ollama', `a Modelfile with FROM and ADAPTER: see "Use it" in the report`],
    ['merge it', mergeLine(trained)],
  ];
}

/** What can be done with a merged model, which needs no adapter any more. */
export const nextLinesMerged = (
  folder: string,
  template: string | null,
): (readonly [program: string, line: string])[] => [
  [
    'ask it',
    `whetstone generate --instruction "${question}" --model ${shellWord(folder)}${template === null ? '' : ` --template ${shellWord(template)}`}`,
  ],
  ['transformers', `AutoModelForCausalLM.from_pretrained(${python(folder)})`],
  ['vLLM', `vllm serve ${shellWord(folder)}`],
  ['llama.cpp', `whetstone export --model ${shellWord(folder)} --out merged.gguf`],
  ['Ollama', `a Modelfile with FROM ${folder}, then: ollama create merged -f Modelfile`],
];

/** One word as programs' arguments, a Python literal as well: JSON's texts are Python's. */
const python = (value: string): string => JSON.stringify(value);

const isChat = ({ template }: Trained): boolean => template.template === 'chat' && !template.strings;

const generateLine = (trained: Trained): string =>
  `whetstone generate --instruction "${question}" --model ${shellWord(trained.folder)} --adapter ${shellWord(trained.adapter)}`;

const serveLine = ({ folder, adapter }: Trained): string =>
  `whetstone serve --model ${shellWord(folder)} --adapter ${shellWord(adapter)}`;

const mergeLine = ({ folder, adapter }: Trained): string =>
  `whetstone merge --model ${shellWord(folder)} --adapter ${shellWord(adapter)} --out ${shellWord(join(adapter, '..', 'merged'))}`;

/** What `align` is told; the other verbs take the adapter's own template. Nothing for its default. */
function templateFlags({ templateOption, template: { template_args: args = {} } }: Trained): string {
  const given = Object.entries(args).map(([key, value]) => `${key}=${String(value)}`);
  return [
    templateOption === 'alpaca' ? '' : ` --template ${shellWord(templateOption)}`,
    given.length > 0 ? ` --template_args ${shellWord(given.join(','))}` : '',
  ].join('');
}

function ours(trained: Trained): UseEntry {
  return {
    title: 'Whetstone',
    text: 'Ask it; serve base and adapter over OpenAI’s API; fold the adapter into a model of its own; train on from it.',
    blocks: [
      {
        code: [
          generateLine(trained),
          serveLine(trained),
          mergeLine(trained),
          `whetstone align more.jsonl --model ${shellWord(trained.folder)} --adapter ${shellWord(trained.adapter)} --out next${templateFlags(trained)}`,
        ].join('\n'),
      },
    ],
  };
}

/** What has to be known of prompts by whoever writes them. */
const promptNote = (trained: Trained): string =>
  isChat(trained)
    ? 'It was trained with the model’s own chat template, so chat requests are right as they are.'
    : 'It was trained with the prompt that stands here, not with a chat template: write prompts in exactly this form, and use completions rather than chats.';

function peft(trained: Trained): UseEntry {
  const { base, adapter, template, prompt } = trained;
  const args = Object.entries(template.template_args ?? {}).map(
    ([key, value]) => `, ${key}=${pythonValue(value)}`,
  );
  const inputs = isChat(trained)
    ? `messages = [{"role": "user", "content": ${python(question)}}]
inputs = tokenizer.apply_chat_template(
    messages, add_generation_prompt=True, return_dict=True, return_tensors="pt"${args.join('')}
)`
    : `prompt = ${python(prompt?.(question) ?? question)}
inputs = tokenizer(prompt, return_tensors="pt")`;
  return {
    title: 'PEFT',
    text: promptNote(trained),
    blocks: [
      {
        file: 'ask.py',
        code: `from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer

base = ${python(base)}
tokenizer = AutoTokenizer.from_pretrained(base)
model = AutoModelForCausalLM.from_pretrained(base, dtype="auto")
model = PeftModel.from_pretrained(model, ${python(adapter)})

${inputs}
output = model.generate(**inputs, max_new_tokens=256, do_sample=False)
print(tokenizer.decode(output[0, inputs["input_ids"].shape[1]:], skip_special_tokens=True))
`,
      },
    ],
  };
}

const pythonValue = (value: unknown): string =>
  ({ true: 'True', false: 'False', null: 'None' })[String(value)] ?? JSON.stringify(value);

/** The values that vLLM's max_lora_rank may have. */
const vllmRanks = [8, 16, 32, 64, 128, 256, 320, 512];
const vllmRank = (rank: number): number | null => vllmRanks.find((each) => each >= rank) ?? null;

/** A request in OpenAI's form, which vLLM and llama.cpp's server both take. */
function requestTo(port: number, trained: Trained, model: string): UseEntry['blocks'] {
  const { template, prompt, begin } = trained;
  const sampling = { max_tokens: 256, temperature: 0 };
  const args = template.template_args;
  const text = prompt?.(question) ?? question;
  const body = isChat(trained)
    ? {
        model,
        messages: [{ role: 'user', content: question }],
        ...sampling,
        ...(args && { chat_template_kwargs: args }),
      }
    : // The server puts the token of a text's beginning in front itself.
      { model, prompt: begin && text.startsWith(begin) ? text.slice(begin.length) : text, ...sampling };
  const path = isChat(trained) ? 'chat/completions' : 'completions';
  return [
    { file: 'request.json', code: `${JSON.stringify(body, null, 2)}\n` },
    {
      code: `curl http://localhost:${port}/v1/${path} -H "Content-Type: application/json" -d "@request.json"`,
    },
  ];
}

function vllm(trained: Trained): UseEntry {
  const { base, adapter, name } = trained;
  const rank = vllmRank(trained.rank);
  if (rank === null)
    return {
      title: 'vLLM',
      text: `vLLM’s ranks end at ${vllmRanks.at(-1)}, and this adapter has ${trained.rank}: merge it, and serve the merged model.`,
      blocks: [{ code: `${mergeLine(trained)}\nvllm serve ${shellWord(join(adapter, '..', 'merged'))}` }],
    };
  return {
    title: 'vLLM',
    text: promptNote(trained),
    blocks: [
      {
        code: `vllm serve ${shellWord(base)} --enable-lora --max-lora-rank ${rank} --lora-modules ${name}=${shellWord(adapter)}`,
      },
      ...requestTo(8000, trained, name),
    ],
  };
}

function llamaCpp(trained: Trained): UseEntry {
  const { adapter, folder, name } = trained;
  return {
    title: 'llama.cpp',
    text: promptNote(trained),
    blocks: [
      {
        code: [
          `whetstone export --model ${shellWord(folder)} --out base.gguf`,
          `whetstone export --model ${shellWord(folder)} --adapter ${shellWord(adapter)} --out ${name}.gguf`,
          `llama-server -m base.gguf --lora ${name}.gguf --port 8081${isChat(trained) ? ' --jinja' : ''}`,
        ].join('\n'),
      },
      ...requestTo(8081, trained, name),
    ],
  };
}

/** Ollama reads safetensors adapters of these itself. */
const ollamaFamilies = ['llama', 'mistral'];

function ollama(trained: Trained): UseEntry {
  const { adapter, folder, name, alpha, rankStabilized, modelType } = trained;
  const merged = join(adapter, '..', 'merged');
  const direct = ollamaFamilies.includes(modelType ?? '') && Number.isInteger(alpha);
  const from = rankStabilized
    ? [`FROM ${merged}`]
    : direct
      ? [`FROM ${folder}`, `ADAPTER ${adapter}`]
      : ['FROM ./base.gguf', `ADAPTER ./${name}.gguf`];
  const text = rankStabilized
    ? 'Ollama scales adapters by lora_alpha / r, and this one is rank-stabilized: it is merged first.'
    : direct
      ? 'The template is the prompt that the adapter was trained with.'
      : 'The two GGUF files are those of llama.cpp above. The template is the prompt that the adapter was trained with.';
  return {
    title: 'Ollama',
    text,
    blocks: [
      { file: 'Modelfile', code: modelfile(trained, from) },
      {
        code: [
          ...(rankStabilized ? [mergeLine(trained)] : []),
          `ollama create ${name} -f Modelfile`,
          `ollama run ${name} "${question}"`,
        ].join('\n'),
      },
    ],
  };
}

/** Ollama's Modelfile: `from` are the lines that say what is run. */
export function modelfile(trained: Trained, from: readonly string[]): string {
  const template = goTemplate(trained);
  return `${[
    ...from,
    ...(template === null ? [] : [`TEMPLATE """${template}"""`]),
    ...trained.ends.map((end) => `PARAMETER stop "${end.replaceAll('"', '\\"')}"`),
    'PARAMETER temperature 0',
  ].join('\n')}\n`;
}

/** The prompt as a Go template, without the token that Ollama puts in front itself; null where it cannot be written. */
function goTemplate({ prompt, begin }: Trained): string | null {
  if (prompt === null) return null;
  const mark = 'INSTRUCTION7x';
  const text = prompt(mark);
  const [before, after, ...more] = text.split(mark);
  if (before === undefined || after === undefined || more.length > 0 || text.includes('"""')) return null;
  const escaped = (part: string): string => part.replaceAll('{{', '{{ "{{" }}');
  const begun = begin && before.startsWith(begin) ? before.slice(begin.length) : before;
  return `${escaped(begun)}{{ .Prompt }}${escaped(after)}`;
}
