import { describe, expect, it } from 'vitest';
import type { UseEntry } from '../report/index.ts';
import type { Trained } from './trained.ts';
import { nextLines, useIt } from './use-it.ts';

const alpaca = (instruction: string): string => `### Instruction:\n${instruction}\n\n### Response:\n`;
const trained: Trained = {
  ...{ adapter: '/runs/first/adapter', base: 'org/name', folder: '/cache/name', name: 'first' },
  ...{ rank: 16, alpha: 16, rankStabilized: false, modelType: 'llama' },
  ...{
    template: { template: 'alpaca' },
    templateOption: 'alpaca',
    prompt: alpaca,
    ends: ['</s>'],
    begin: '<s>',
  },
};
const chat: Trained = {
  ...trained,
  template: { template: 'chat', template_args: { enable_thinking: false } },
  templateOption: 'chat',
  prompt: (instruction) => `<s><|user|>${instruction}<|end|>\n<|assistant|>`,
  ends: ['<|end|>', '</s>'],
};
const entry = (title: string, of: Partial<Trained> = {}, from: Trained = trained): UseEntry =>
  useIt({ ...from, ...of }).find((each) => each.title === title)!;
const code = (title: string, of?: Partial<Trained>, from?: Trained): string =>
  entry(title, of, from)
    .blocks.map((block) => block.code)
    .join('\n');
const requestOf = (title: string, from: Trained): unknown =>
  JSON.parse(entry(title, {}, from).blocks.find(({ file }) => file === 'request.json')!.code);

describe('vLLM', () => {
  it('serves base and adapter by their names', () => {
    expect(code('vLLM')).toContain(
      'vllm serve org/name --enable-lora --max-lora-rank 16 --lora-modules first=/runs/first/adapter\n',
    );
  });
  // vLLM takes no other values: vllm/config/lora.py, MaxLoRARanks.
  it.each([[1, 8], [8, 8], [9, 16], [24, 32], [65, 128], [257, 320], [321, 512], [512, 512]])('takes rank %s as %s', (rank, most) => {
    expect(code('vLLM', { rank })).toContain(`--max-lora-rank ${most} `);
  }); // prettier-ignore
  it('gets a merged model where no rank will do', () => {
    expect(code('vLLM', { rank: 513 })).toMatch(/^whetstone merge .*\nvllm serve \/runs\/first\/merged$/);
    expect(nextLines({ ...trained, rank: 513 }).find(([name]) => name === 'vLLM')![1]).toContain('merge');
  });
  it('is asked in the form of the training: a completion of the prompt, or a chat with its variables', () => {
    expect(requestOf('vLLM', trained)).toMatchObject({
      model: 'first',
      prompt: alpaca('Name three rivers.'),
    });
    expect(code('vLLM')).toContain('/v1/completions');
    expect(requestOf('vLLM', chat)).toMatchObject({
      messages: [{ role: 'user', content: 'Name three rivers.' }],
      chat_template_kwargs: { enable_thinking: false },
    });
    expect(code('vLLM', {}, chat)).toContain('/v1/chat/completions');
  });
  it('is not given the token of a beginning that it adds itself', () => {
    const prompt = (instruction: string): string => `<s>${alpaca(instruction)}`;
    expect(requestOf('vLLM', { ...trained, prompt })).toMatchObject({ prompt: alpaca('Name three rivers.') });
  });
});

describe('PEFT', () => {
  it('writes the prompt, or lets the tokenizer write the chat', () => {
    expect(code('PEFT')).toContain('prompt = "### Instruction:\\nName three rivers.\\n\\n### Response:\\n"');
    expect(code('PEFT')).not.toContain('apply_chat_template');
    expect(code('PEFT', {}, chat)).toMatch(
      /apply_chat_template\([^]*return_tensors="pt", enable_thinking=False\n\)/,
    );
  });
  it('takes paths with quotes, spaces and backslashes', () => {
    expect(code('PEFT', { adapter: 'C:\\my "runs"\\adapter' })).toContain('"C:\\\\my \\"runs\\"\\\\adapter"');
    expect(code('llama.cpp', { adapter: "/it's here/adapter" })).toContain("'/it'\\''s here/adapter'");
  });
});

describe('llama.cpp', () => {
  it('converts base and adapter and serves both', () => {
    expect(code('llama.cpp')).toMatch(
      /^whetstone export --model \/cache\/name --out base.gguf\nwhetstone export --model \/cache\/name --adapter \/runs\/first\/adapter --out first.gguf\nllama-server -m base.gguf --lora first.gguf --port 8081\n/,
    );
    expect(code('llama.cpp', {}, chat)).toContain('--port 8081 --jinja\n');
  });
});

describe('Ollama', () => {
  it('has the prompt as its template and ends where the model ends', () => {
    expect(code('Ollama')).toBe(
      'FROM /cache/name\nADAPTER /runs/first/adapter\nTEMPLATE """### Instruction:\n{{ .Prompt }}\n\n### Response:\n"""\n' +
        'PARAMETER stop "</s>"\nPARAMETER temperature 0\n\nollama create first -f Modelfile\nollama run first "Name three rivers."',
    );
    expect(code('Ollama', {}, chat)).toContain('TEMPLATE """<|user|>{{ .Prompt }}<|end|>\n<|assistant|>"""');
    expect(code('Ollama', {}, chat)).toContain('PARAMETER stop "<|end|>"\nPARAMETER stop "</s>"\n');
  });
  it('takes GGUF files of a family whose adapters it does not read, or with a scale that is not whole', () => {
    for (const other of [{ modelType: 'qwen3' }, { modelType: null }, { alpha: 8.5 }])
      expect(code('Ollama', other)).toMatch(/^FROM .\/base.gguf\nADAPTER .\/first.gguf\n/);
  });
  it('takes a rank-stabilized adapter merged', () => {
    expect(code('Ollama', { rankStabilized: true })).toMatch(
      /^FROM \/runs\/first\/merged\nTEMPLATE[^]*\nwhetstone merge /,
    );
  });
  it('escapes braces of the prompt, and leaves out a template that cannot be written', () => {
    const braces = (instruction: string): string => `{{x}} ${instruction}`;
    expect(code('Ollama', { prompt: braces })).toContain('TEMPLATE """{{ "{{" }}x}} {{ .Prompt }}"""');
    const others = [null, (text: string) => `${text}${text}`, () => 'none', (text: string) => `"""${text}`];
    for (const prompt of others) expect(code('Ollama', { prompt })).not.toContain('TEMPLATE');
  });
});

it('Whetstone’s own lines name a template that is not the default', () => {
  expect(code('Whetstone')).not.toContain('--template');
  expect(code('Whetstone', {}, chat)).toContain("--template chat --template_args 'enable_thinking=false'");
  expect(code('Whetstone', { templateOption: '/my files/t.json' })).toContain(
    "--template '/my files/t.json'",
  );
});
