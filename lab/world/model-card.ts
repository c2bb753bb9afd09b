// The model card of a base model of the world: how it was made and what it can do. Pure; the figures are given.
import { percent, thousands } from '../../src/words/numbers.ts';
import type { Assessment } from './assess.ts';
import { DOCUMENT_SHARES, REVISION_RIGHT_RATE, sharesWith, STRAY_SHARE } from './documents.ts';
import { STRAY_RATE, TYPICAL_RATE } from './answers.ts';
import { families } from './families/index.ts';
import { worldModelName } from './model.ts';
import type { PretrainProgress, PretrainSettings } from './pretrain.ts';

export interface ModelFacts {
  readonly settings: PretrainSettings;
  readonly command: string;
  readonly parameters: number;
  readonly vocabulary: number;
  readonly last: PretrainProgress;
  /** Nats for each predicted token, mean over the last steps. */
  readonly finalLoss: number;
  readonly assessment: Assessment;
  /** By name, for instance { whetstone: '0.1.0' }. */
  readonly versions: Readonly<Record<string, string>>;
}

/** README.md of the model's folder, in Markdown with the hub's metadata. */
export function modelCard(facts: ModelFacts): string {
  const { settings, command, parameters, vocabulary, last, finalLoss, assessment } = facts;
  const { hiddenSize, layers, heads, intermediateSize, seed, learningRate, dtype } = settings;
  const kinds = Object.entries(sharesWith(settings.judged)).filter(([, share]) => share > 0);
  const rows = families.map(({ name, title }) => {
    const own = assessment.families[name]!;
    return `| ${title} | ${percent(own.satisfactory)} | ${percent(own.typical)} |`;
  });
  return `---
license: apache-2.0
library_name: transformers
tags: [whetstone, synthetic]
---

# A base model of Whetstone's world, width ${hiddenSize}${settings.judged === DOCUMENT_SHARES.judged ? '' : `, with ${percent(settings.judged)} of judged documents`}

A Llama of ${thousands(parameters)} parameters that speaks the language of a small synthetic world: instructions of
${families.length} families, answers with systematic mistakes, judgments of answers, and revisions. It exists so that methods
which learn from judgments can be tried in seconds. It knows nothing of the real world that could be relied on: its
corpus is wrong on purpose.

Made by, and on one kind of machine byte for byte again by

    ${command}

| | |
| --- | --- |
| shape | width ${hiddenSize}, ${layers} layers, ${heads} heads, MLP ${intermediateSize}, embeddings tied, ${vocabulary} tokens (whole words, digits, marks) |
| weights | trained in float32, stored as ${dtype} |
| seed | ${seed} |
| corpus | ${thousands(last.documents)} documents, ${thousands(last.tokens)} predicted tokens, ${thousands(last.step)} steps; questions of the train split only |
| kinds of document | ${kinds.map(([kind, share]) => `${kind} ${percent(share)}`).join(', ')} |
| mistakes | the typical one at a question's hard place with rate ${TYPICAL_RATE}, others with rate ${STRAY_RATE} each; of judged documents ${percent(STRAY_SHARE)} show an untypical one |
| revisions | ${percent(REVISION_RIGHT_RATE)} of revision documents are right, the others repeat the draft; fixed before methods were compared |
| optimizer | AdamW, peak learning rate ${learningRate}, half cosine |
| final loss | ${finalLoss.toFixed(4)} nats for each predicted token (mean of the last 250 steps) |
| versions | ${Object.entries(facts.versions)
    .map(([name, version]) => `${name} ${version}`)
    .join(', ')} |

Greedy answers to ${assessment.tasks} instructions of the development split, none of whose questions is in the corpus:
**${percent(assessment.overall.satisfactory)} satisfactory**, ${percent(assessment.overall.typical)} with the typical mistake and no other. Shown its unsatisfactory answers with
their judgments, it revises ${percent(assessment.revised)} of them into satisfactory ones.

| family | satisfactory | typical mistake only |
| --- | --: | --: |
${rows.join('\n')}

Prompts are laid out as template.json says (\`--template models/${worldModelName(hiddenSize, settings.judged)}/template.json\`).
`;
}
