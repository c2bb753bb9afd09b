// A reply with choices, as one body or as a stream of chunks, alike for both kinds of completion. Knows when what is
// told; the shape of a choice is the endpoint's.
import { randomUUID } from 'node:crypto';
import type { TextGeneration, TextPiece } from '../generation/index.ts';
import { generateChoices } from './choices.ts';
import type { ChoiceSettings } from './choices.ts';
import type { Call, Reply, Usage } from './endpoint.ts';
import { sum, usageBody } from './endpoint.ts';
import type { ServedModel } from './served-model.ts';

/** How an endpoint names its replies. */
export interface ReplyNames {
  /** Before each reply's own id. */
  readonly id: string;
  readonly body: string;
  readonly chunk: string;
}

/** How an endpoint writes choice `index`. Log-probs are there where they were asked for. */
export interface ChoiceFormat {
  /** The choice in a body, and where log-probs were asked for the pieces that its text is made of. */
  whole(index: number, choice: TextGeneration, pieces: readonly TextPiece[]): Promise<object>;
  /** What a stream tells before anything is generated. */
  opening(): Promise<readonly object[]>;
  part(index: number, piece: TextPiece): Promise<object>;
  end(index: number, choice: TextGeneration): object;
}

export interface CompletionRequest extends Omit<ChoiceSettings, 'signal' | 'onText' | 'onEnd'> {
  readonly prompts: readonly Int32Array[];
  /** Hears of the choices once all are complete, before the client has the last of them. */
  readonly onChoices?: (choices: readonly TextGeneration[], id: string) => void;
  /** Called once, before anything is generated. */
  readonly openFormat: () => Promise<ChoiceFormat>;
}

export async function completionReply(
  { model, signal }: Pick<Call, 'model' | 'signal'>,
  names: ReplyNames,
  { prompts, openFormat, onChoices, ...settings }: CompletionRequest,
): Promise<Reply> {
  const { fields, topLogProbs } = settings;
  const head = headOf(model, names, fields.stream);
  const usageOf = (choices: readonly TextGeneration[]): Usage => ({
    promptTokens: sum(prompts.map(({ length }) => length)),
    completionTokens: sum(choices.map(({ ids }) => ids.length)),
  });
  if (fields.stream) {
    return {
      kind: 'stream',
      run: async (send) => {
        const chunk = (choices: readonly object[], usage: object | null): void =>
          send({ ...head, choices, ...(fields.includeUsage && { usage }) });
        const format = await openFormat();
        for (const part of await format.opening()) chunk([part], null);
        const choices = await generateChoices(model, prompts, {
          ...settings,
          signal,
          onText: async (index, piece) => chunk([await format.part(index, piece)], null),
          onEnd: (index, choice) => chunk([format.end(index, choice)], null),
        });
        onChoices?.(choices, head.id);
        const usage = usageOf(choices);
        if (fields.includeUsage) chunk([], usageBody(usage));
        return usage;
      },
    };
  }
  const format = await openFormat();
  const pieces = Array.from({ length: prompts.length * fields.n }, (): TextPiece[] => []);
  const keep = (index: number, piece: TextPiece): void => void pieces[index]!.push(piece);
  const choices = await generateChoices(model, prompts, {
    ...settings,
    signal,
    onText: topLogProbs === null ? undefined : keep,
  });
  onChoices?.(choices, head.id);
  const usage = usageOf(choices);
  const written = await Promise.all(choices.map((choice, i) => format.whole(i, choice, pieces[i]!)));
  return { kind: 'body', body: { ...head, choices: written, usage: usageBody(usage) }, usage };
}

interface Head {
  readonly id: string;
  readonly [field: string]: unknown;
}

const headOf = ({ id, fingerprint }: ServedModel, names: ReplyNames, stream: boolean): Head => ({
  id: `${names.id}-${randomUUID().replaceAll('-', '')}`,
  object: stream ? names.chunk : names.body,
  created: Math.floor(Date.now() / 1000),
  model: id,
  system_fingerprint: fingerprint,
});
