// Learning from judgments beside answering: what is looked at before a new version takes over, and when one is trained.

export const learning = {
  home: {
    kind: 'text',
    placeholder: 'HOME',
    help: 'folder of a model that learns: home.json, events.jsonl, answers.jsonl, versions/, trainings/',
  },
  fixed_prompts: {
    kind: 'text',
    nullable: true,
    path: true,
    placeholder: 'FILE',
    help: 'prompts that every version answers before it takes over, to see how many answers change: a .txt file with one a line, or rows of instruction, input? or messages',
    defaultText: 'prompts that were answered last and not judged, and a few of our own',
  },
  max_drift: {
    kind: 'number',
    nullable: true,
    above: 0,
    help: 'a version that is further than this from the one before, in nats of mean KL per token over the answers to the fixed prompts, is kept and not used',
    defaultText: 'every version is used',
  },
} as const;

/** When a server that learns begins a training, and what it takes for a judgment. */
export const learningServer = {
  learn: {
    kind: 'text',
    nullable: true,
    placeholder: 'HOME',
    help: 'folder of a model that learns from judgments while it is served, begun where there is none; its name is the name in requests',
    defaultText: 'nothing is learned',
  },
  learn_config: {
    kind: 'text',
    nullable: true,
    placeholder: 'FILE',
    help: 'YAML file with settings of the trainings: method, adapter, optimization, as "whetstone align --config" reads them',
    defaultText: 'those that the folder was begun with',
  },
  learn_after: {
    kind: 'number',
    nullable: true,
    integer: true,
    min: 1,
    default: 20,
    help: 'judgments that no training has seen after which one begins; none waits until a client asks for it',
  },
  learn_patience: {
    kind: 'number',
    default: 60,
    min: 0,
    max: 86400,
    help: 'seconds that a training waits for a moment without a request under way',
  },
  next_message: {
    kind: 'boolean',
    default: false,
    help: 'take what a user says next for the judgment of the answer before it; without it judgments come by POST /v1/judgments alone',
  },
} as const;
