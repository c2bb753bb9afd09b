// The settings of the verbs that serve.
import { tableOf } from '../selection.ts';
import type { TableOf } from '../selection.ts';

const serve = {
  takes: [
    'model',
    'adapter',
    'template',
    'template_args',
    'Compute',
    'slots',
    'generation_config',
    'host',
    'port',
    'api_key_env',
    'allowed_hosts',
    'cors_origin',
    'record',
    'learn',
    'learn_config',
    'learn_after',
    'learn_patience',
    'next_message',
    'fixed_prompts',
    'max_drift',
    'max_new_tokens',
    'max_body_bytes',
    'shutdown_timeout',
  ],
  differs: {
    model: {
      group: 'Models',
      placeholder: 'DIR|NAME',
      help: 'Hugging Face model folder, or a model of the hub (ORG/NAME); its name is the name in requests',
    },
    adapter: {
      kind: 'list',
      nullable: true,
      group: 'Models',
      placeholder: '[NAME=]DIR',
      help: 'PEFT adapter, as a model of its own; may be given several times; without NAME it is called after its folder, or after the run it is in',
      defaultText: 'none',
    },
    template: {
      nullable: true,
      default: null,
      group: 'Models',
      help: 'prompt layout of chats: chat, alpaca, or a template file',
      defaultText: 'chat where the model has a chat template, else alpaca',
    },
    threads: { group: 'Models' },
    api_key_env: {
      group: 'Server',
      help: 'environment variable with the key that clients must bring',
      defaultText: 'no key',
    },
    max_new_tokens: {
      nullable: true,
      default: null,
      group: 'Limits',
      defaultText: 'what the context has room for',
    },
  },
} as const;
export const serveTable: TableOf<typeof serve> = tableOf(serve);

const studio = {
  takes: [
    'model',
    'adapter',
    'template',
    'runs',
    'prompts',
    'judge',
    'open',
    'threads',
    'host',
    'port',
    'api_key_env',
    'allowed_hosts',
    'shutdown_timeout',
  ],
  differs: {
    model: { nullable: true, default: null, defaultText: 'none: runs and files alone' },
    adapter: { help: 'PEFT adapter that the conversation begins with', defaultText: 'the model as it is' },
    template: {
      nullable: true,
      default: null,
      group: 'Files',
      defaultText:
        "the adapter's, else template.json of the model folder, else chat where the model has one, else alpaca",
    },
    judge: {
      nullable: true,
      default: null,
      path: true,
      resume: undefined,
      group: 'Studio',
      placeholder: 'FILE',
      help: 'responses for people to judge: rows of instruction, input?, output or of messages; the judged rows go to FILE.judged.jsonl beside it',
      defaultText: 'one is picked in the page',
    },
    threads: { group: 'Studio' },
    host: { help: 'address to listen on; one that others reach needs a key (--api_key_env)' },
    port: { default: 8410 },
    api_key_env: {
      group: 'Server',
      help: 'environment variable with the key that browsers must bring',
      defaultText: 'a secret of its own, in the link that is printed',
    },
    shutdown_timeout: { default: 5, group: 'Server' },
  },
} as const;
export const studioTable: TableOf<typeof studio> = tableOf(studio);
