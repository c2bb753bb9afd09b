// What is learned from judgments, and how: the settings of the methods, and which of them their objectives have.

export const method = {
  method: {
    kind: 'choice',
    /** Those of alignment/methods.ts, which puts them in. */
    choices: [],
    default: 'cut',
    help: 'what to learn from the judgments and how, see above',
  },
  normalize: {
    kind: 'choice',
    choices: ['triplets', 'tokens'],
    default: 'triplets',
    help: 'whether each triplet or each predicted token of a batch weighs the same; dpo and ilf-dpo compare whole responses',
    defaultText: 'triplets; tokens for feedback-conditional',
  },
  lambda: {
    kind: 'number',
    default: 1.2,
    min: 1,
    help: 'a token is flagged when the judgment makes it more than this many times as likely; higher flags fewer tokens, more surely',
  },
  alpha: { kind: 'number', default: 1, min: 0, help: 'weight of unlikelihood on flagged tokens' },
  preset: {
    kind: 'choice',
    choices: ['paper', 'released-code'],
    default: 'paper',
    help: "the paper's equations, or the arithmetic of its released code and the settings of its scripts (lambda 1.2 and alpha 0.5, online 1.1 and 1 with 100 warm-up steps; gamma 0; downsample 0.25)",
  },
  gamma: {
    kind: 'number',
    default: 1,
    min: 0,
    help: 'exponent of the dynamic weight p(token | judgment)^gamma; 0 weighs all flagged tokens alike',
  },
  l1: {
    kind: 'boolean',
    default: true,
    help: 'ablation: the contrast of judged and plain prompt on unsatisfactory responses (L1)',
  },
  align_n: {
    kind: 'boolean',
    default: true,
    help: 'ablation: likelihood of unsatisfactory responses given their judgment',
  },
  detection: {
    kind: 'boolean',
    default: true,
    help: 'ablation: flag only the tokens that the judgment is about, not all',
  },
  flagged_by: {
    kind: 'choice',
    choices: ['judgment', 'marks', 'both'],
    default: 'judgment',
    help: "what flags tokens of an unsatisfactory response: its judgment, as measured with lambda; the row's marked errors; or either. The judgment flags those of rows without marks",
  },
  dynamic_weight: {
    kind: 'boolean',
    default: true,
    help: 'ablation: weigh flagged tokens by their judged probability',
  },
  align_p: {
    kind: 'boolean',
    default: true,
    help: 'likelihood of satisfactory responses as well',
    defaultText: 'true; false for ilf-mle, self-distillation, sdpo, user-interactions',
  },
  lambda1: {
    kind: 'number',
    nullable: true,
    above: 0,
    help: 'a flagged token is likelier after the judgment than after praise by more than this factor',
    defaultText: 'lambda',
  },
  lambda2: {
    kind: 'number',
    nullable: true,
    above: 0,
    help: 'and likelier than after the plain prompt by more than this one',
    defaultText: 'lambda',
  },
  lambda3: {
    kind: 'number',
    nullable: true,
    above: 0,
    help: 'a good token is likelier after praise than after the judgment by more than this factor',
    defaultText: 'lambda',
  },
  lambda4: {
    kind: 'number',
    nullable: true,
    above: 0,
    help: 'and likelier than after the plain prompt by more than this one',
    defaultText: 'lambda',
  },
  sigma1: {
    kind: 'number',
    default: 0.01,
    above: 0,
    below: 1,
    help: 'a flagged token has at least this probability after the judgment',
  },
  sigma2: {
    kind: 'number',
    default: 0.01,
    above: 0,
    below: 1,
    help: 'a good token has at least this probability after praise',
  },
  beta: {
    kind: 'number',
    default: 0.1,
    min: 0,
    help: 'DPO and user-interactions: strength of the pull towards the model that training began from; DualCUT: extra weight of tokens that praise makes likelier',
    defaultText: '0.1; 1 for dual-cut',
  },
  label_smoothing: {
    kind: 'number',
    default: 0,
    min: 0,
    below: 0.5,
    placeholder: 'P',
    help: 'probability that a preference is the wrong way round',
  },
  contrast_weight: {
    kind: 'number',
    default: 0.5,
    min: 0,
    max: 1,
    help: 'share of the ratio of judged to praised probability in the weight of a token, at the first step',
  },
  contrast_clip: {
    kind: 'number',
    default: 0.5,
    above: 0,
    help: 'how far that ratio may be from 1',
  },
  contrast_steps: {
    kind: 'number',
    default: 25,
    integer: true,
    min: 1,
    help: 'optimizer steps over which that share falls to 0',
  },
  feedback_weight: {
    kind: 'number',
    default: 1,
    min: 0,
    help: 'weight of predicting the judgment, beside the policy loss',
  },
  ratio_clip: {
    kind: 'number',
    default: 0.2,
    above: 0,
    below: 1,
    help: 'a token of a response is pushed until its probability has changed by this share',
  },
  revision_max_new_tokens: {
    kind: 'number',
    default: 256,
    integer: true,
    min: 1,
    help: 'most tokens of a revision that the model writes; rows with a revision of their own keep it',
  },
  revision_temperature: {
    kind: 'number',
    default: 0,
    min: 0,
    help: 'of those revisions; 0 always takes the likeliest token',
  },
  teacher: {
    kind: 'choice',
    choices: ['initial', 'current'],
    default: 'initial',
    help: 'who reads the judgment: the model that training began from, or as it is being trained',
  },
  form: {
    kind: 'choice',
    choices: ['sampled', 'full'],
    default: 'sampled',
    help: "compare probabilities of the response's own tokens (sampled) or of the whole vocabulary (full)",
  },
  divergence: {
    kind: 'choice',
    choices: ['reverse-kl', 'forward-kl', 'jensen-shannon'],
    default: 'reverse-kl',
    help: 'of student and teacher, form full',
  },
  mixture: {
    kind: 'number',
    default: 0.5,
    above: 0,
    below: 1,
    help: "the teacher's share in the mixture that both are compared with",
  },
  top_tokens: {
    kind: 'number',
    default: 100,
    integer: true,
    min: 1,
    help: "how many of the student's likeliest tokens are compared one by one; the others are compared together",
  },
  importance_clip: {
    kind: 'number',
    nullable: true,
    default: 2,
    above: 0,
    help: 'sdpo, and self-distillation of the form sampled: largest ratio that corrects for responses being those of the initial model; none for no correction',
  },
  max_log_ratio: {
    kind: 'number',
    nullable: true,
    above: 0,
    help: 'user-interactions, and self-distillation of the form sampled: bound, in nats, of what one token can do',
    defaultText: 'none',
  },
} as const;

/** Where a method's defaults are not the general ones. */
export const methodDefaults = {
  'dual-cut': { beta: 1 },
  'feedback-conditional': { normalize: 'tokens' },
  'ilf-mle': { alignP: false },
  'self-distillation': { alignP: false },
  sdpo: { alignP: false },
  'user-interactions': { alignP: false },
} as const;

/**
 * What a preset of CUT puts in place of the defaults of `align`. The released scripts weigh with alpha alone, 0.5 offline
 * and 1 online, and keep a satisfactory row for every four unsatisfactory ones; docs/released-recipe.md has the line that
 * sets each.
 */
export const presetDefaults = {
  paper: {},
  'released-code': { lambda: 1.2, alpha: 0.5, gamma: 0, downsample: 0.25 },
} as const;
/** The same for `online`, whose other defaults fit rounds of any size. */
export const onlinePresetDefaults = {
  paper: {},
  'released-code': { lambda: 1.1, alpha: 1, gamma: 0, downsample: 0.25, warmupSteps: 100 },
} as const;

/** Which of them an objective of several has, by the names of the library. */
export const objectiveSettings = {
  cut: [
    'preset',
    'lambda',
    'alpha',
    'gamma',
    'l1',
    'alignP',
    'alignN',
    'detection',
    'flaggedBy',
    'dynamicWeight',
    'normalize',
  ],
  'dual-cut': [
    'lambda',
    'lambda1',
    'lambda2',
    'lambda3',
    'lambda4',
    'sigma1',
    'sigma2',
    'alpha',
    'beta',
    'alignP',
    'normalize',
  ],
  'self-distillation': [
    'teacher',
    'form',
    'divergence',
    'importanceClip',
    'maxLogRatio',
    'alignP',
    'normalize',
  ],
  'user-interactions': ['beta', 'maxLogRatio', 'alignP', 'normalize'],
  sdpo: ['teacher', 'mixture', 'topTokens', 'importanceClip', 'alignP', 'normalize'],
  'cepo-cut': [
    'lambda',
    'alpha',
    'alignP',
    'alignN',
    'detection',
    'contrastWeight',
    'contrastClip',
    'contrastSteps',
    'normalize',
  ],
  'rltf-fm': ['feedbackWeight', 'ratioClip', 'normalize'],
} as const;
