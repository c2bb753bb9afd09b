// A conversation with a model that learns: what is said is answered by the version in use, judged, learned from and
// answered again. Knows the library and the transcript; it does not know who looks.
import { join } from 'node:path';
import { WhetstoneError, briefly } from '../../errors.ts';
import { defaultSettings } from '../../alignment/settings.ts';
import { generateText, respond } from '../../generation/index.ts';
import { readInstructions } from '../../generation/instructions.ts';
import { openLearning } from '../../learning/index.ts';
import type { Judgment, Learning, Version, VersionModel } from '../../learning/index.ts';
import { conversationText, promptOf } from '../../rows/conversation.ts';
import type { Message, PromptFields } from '../../rows/conversation.ts';
import { encodePrompt } from '../../tokens/index.ts';
import type {
  AnswerEvent,
  AnswerScores,
  ChatAnswer,
  ChatState,
  ChatVersion,
  LearnProgress,
  SendMessage,
  Verdict,
} from '../api/chat.ts';
import type { Studio } from '../studio.ts';
import { homeOf, nameOf, ownTemplate } from './home.ts';
import { openScorer } from './scorer.ts';
import { openTranscript } from './transcript.ts';
import type { Exchange, Transcript } from './transcript.ts';

export interface Conversation {
  state(): Omit<ChatState, 'revision'>;
  /** Answers a message; the events end with the whole answer. An abort ends the answer where it is, and keeps it. */
  say(said: SendMessage, send: (event: AnswerEvent) => void, signal: AbortSignal): Promise<void>;
  score(answer: string, judgment: string, signal: AbortSignal): Promise<AnswerScores>;
  /** In place of what was said of the answer before; null takes it back. */
  judge(answer: string, verdict: Verdict | null): Promise<void>;
  /** Takes back what was said last of an answer, and names the answer; null where there is nothing to take back. */
  undo(): Promise<string | null>;
  beginAnew(): Promise<void>;
  /** Begins a training, which goes on beside the answers; what comes of it is in the state. */
  learn(): void;
  use(version: number): Promise<void>;
  close(): Promise<void>;
}

const maxNewTokens = 512;

/**
 * Opens the model's home below the folder of runs. `changed` is called after each change of the state. Throws as
 * `openLearning` and `readInstructions`.
 */
export async function openConversation(
  studio: Studio & { readonly model: string },
  changed: () => void,
): Promise<Conversation> {
  const { model, adapter, threads, openEngine, onNote, signal } = studio;
  const prompts = studio.prompts === null ? [] : await readInstructions(studio.prompts);
  const name = nameOf(studio);
  const template = studio.template ?? (adapter === null ? ownTemplate(model) : null);
  const learning = await openLearning({
    home: homeOf(studio),
    model,
    ...(adapter !== null && { adapter }),
    ...(template !== null && { template }),
    ...(threads !== null && { threads }),
    ...(openEngine && { openEngine }),
    onNote,
    signal,
  });
  let transcript: Transcript;
  try {
    transcript = await openTranscript(join(learning.home, 'chat.jsonl'));
  } catch (error) {
    await learning.close();
    throw error;
  }
  return conversationOf({ learning, transcript, prompts: prompts.map(conversationText), name, changed });
}

interface Parts {
  readonly learning: Learning;
  readonly transcript: Transcript;
  readonly prompts: readonly string[];
  readonly name: string;
  readonly changed: () => void;
}

function conversationOf({ learning, transcript, prompts, name, changed }: Parts): Conversation {
  const scorer = openScorer();
  const remembers = learning.present().template.conversations;
  /** What is answered again after a training. */
  let answering: LearnProgress | null = null;
  let problem: string | null = null;
  /** What was said last of answers, for undo: the newest at the end. */
  const said: { readonly answer: string; readonly before: Verdict | null }[] = [];

  const judgmentOf = (answer: string): Judgment | null =>
    learning.judgments().findLast((each) => each.answer === answer && each.withdrawn === null) ?? null;
  const verdictOf = (answer: string): Verdict | null => {
    const judgment = judgmentOf(answer);
    if (judgment !== null)
      return judgment.judgment === null
        ? { kind: 'perfect' }
        : { kind: 'wrong', words: judgment.judgment, marks: judgment.spans ?? [] };
    return transcript.isSkipped(answer) ? { kind: 'skipped' } : null;
  };
  const answerOf = ({ id, message, text, version, whole }: Exchange): ChatAnswer => ({
    ...{ id, message, text, version, whole },
    verdict: verdictOf(id),
  });
  const exchangeNamed = (id: string): Exchange => {
    const found = transcript.named(id);
    if (found !== null) return found;
    throw new WhetstoneError('NO_SUCH_ANSWER', `there is no answer "${id}"`, { hint: 'Reload the page.' });
  };
  const promptTo = ({ before, message }: Pick<Exchange, 'before' | 'message'>): PromptFields =>
    promptOf({ instruction: message, before });

  /** Makes the verdict hold, whatever held before. */
  const settle = async (answer: string, verdict: Verdict | null): Promise<void> => {
    const exchange = exchangeNamed(answer);
    const earlier = judgmentOf(answer);
    if (verdict !== null && verdict.kind !== 'skipped') {
      const wrong = verdict.kind === 'wrong' ? verdict : null;
      const marks = wrong?.marks ?? [];
      await learning.judge({
        ...promptTo(exchange),
        output: exchange.text,
        judgment: wrong === null ? null : wrong.words,
        ...(marks.length > 0 && { spans: marks }),
        version: exchange.version,
        answer,
      });
    }
    if (earlier !== null) await learning.withdraw(earlier.id);
    const skip = verdict?.kind === 'skipped';
    if (skip !== transcript.isSkipped(answer))
      await transcript.add({ event: skip ? 'skipped' : 'not skipped', answer });
    changed();
  };
  const judge = async (answer: string, verdict: Verdict | null): Promise<void> => {
    const before = verdictOf(answer);
    await settle(answer, verdict);
    said.push({ answer, before });
  };

  const say: Conversation['say'] = async ({ message, judges }, send, signal) => {
    const present = transcript.exchanges();
    const last = present.at(-1);
    if (judges && last) {
      await judge(last.id, { kind: 'wrong', words: message, marks: [] });
      if (!remembers) return;
    }
    const before: Message[] = remembers
      ? present.flatMap((each): Message[] => [
          { role: 'user', content: each.message },
          { role: 'assistant', content: each.text },
        ])
      : [];
    const speaker = learning.present();
    const release = speaker.hold();
    try {
      const { text, whole } = await answerTo(speaker, promptTo({ before, message }), send, signal);
      if (text === '' && signal.aborted) return;
      const exchange = { id: transcript.nextId(), before, message, text, version: speaker.version, whole };
      await transcript.add({ event: 'answered', ...exchange });
      learning.answers.add({
        ...promptTo(exchange),
        id: exchange.id,
        output: text,
        version: speaker.version,
      });
      send({ kind: 'answer', answer: answerOf(exchange) });
      changed();
      scorer.prepare(learning.present(), { ...promptTo(exchange), output: text });
    } finally {
      release();
    }
  };

  let closing = false;
  /** Asks again what a version has learned from, once there is one. */
  const withAnswers = async (version: () => Promise<Version>): Promise<void> => {
    problem = null;
    try {
      await answerAgain(await version());
    } catch (error) {
      const stopped = closing || (error instanceof WhetstoneError && error.code === 'STOPPED');
      if (!stopped) problem = error instanceof WhetstoneError ? briefly(error) : String(error);
    } finally {
      answering = null;
      changed();
    }
  };
  const answerAgain = async ({ version, judgments }: Version): Promise<void> => {
    const rows = judgmentsNamed(learning, judgments);
    const show = (done: number): void => {
      answering = { phase: 'answering', done, total: rows.length, secondsLeft: null };
      changed();
    };
    show(0);
    let done = 0;
    const { model, release } = await learning.take(version);
    try {
      const answers = await respond(model, rows.map(promptOf), {
        maxNewTokens,
        onResponse: () => show(++done),
      });
      const again = answers.map(({ text }, i) => ({ judgment: rows[i]!.id, after: text }));
      await transcript.add({ event: 'answered again', version, answers: again });
    } finally {
      release();
    }
  };
  learning.on(({ kind }) => {
    if (kind !== 'judged' && kind !== 'withdrawn') changed();
  });
  // What a kill cut off.
  const { judgments, version } = learning.inUse();
  if (judgments.length > 0 && transcript.again(version) === null)
    void withAnswers(() => Promise.resolve(learning.inUse()));
  // The first colours would wait until the model is ready to score.
  const last = transcript.exchanges().at(-1);
  scorer.prepare(
    learning.present(),
    last === undefined ? { instruction: '', output: '.' } : { ...promptTo(last), output: last.text },
  );

  return {
    state: () => {
      const progress = learning.progress();
      return {
        model: name,
        remembers,
        lambda: defaultSettings.lambda,
        answers: transcript.exchanges().map(answerOf),
        prompts,
        learning: {
          fresh: learning.fresh().length,
          canLearn: learning.canLearn(),
          progress: progress ?? answering,
          unfinished: progress === null ? (learning.unfinished()?.version ?? null) : null,
          problem,
          inUse: learning.inUse().version,
          versions: learning.versions().map((version) => versionOf(version, learning, transcript)),
        },
      };
    },
    say,
    score: (answer, judgment, signal) => {
      const exchange = exchangeNamed(answer);
      return scorer.score(
        learning.present(),
        { ...promptTo(exchange), output: exchange.text, judgment },
        signal,
      );
    },
    judge,
    undo: async () => {
      const last = said.pop();
      if (last === undefined) return null;
      await settle(last.answer, last.before);
      return last.answer;
    },
    beginAnew: async () => {
      await transcript.add({ event: 'begun anew' });
      changed();
    },
    learn: () => void withAnswers(() => learning.learn()),
    use: async (version) => {
      await learning.use(version);
      changed();
    },
    close: async () => {
      closing = true;
      await learning.close();
      await transcript.close();
    },
  };
}

async function answerTo(
  { engine, tokenizer, template }: VersionModel,
  prompt: PromptFields,
  send: (event: AnswerEvent) => void,
  signal: AbortSignal,
): Promise<{ readonly text: string; readonly whole: boolean }> {
  const { text, finish } = await generateText(
    { engine, tokenizer },
    {
      prompt: await encodePrompt(tokenizer, template, prompt),
      sampling: { maxNewTokens, temperature: 0 },
      signal,
      onText: (piece) => send({ kind: 'text', text: piece.text }),
    },
  );
  return { text, whole: finish === 'end' || finish === 'stop' };
}

function judgmentsNamed(learning: Learning, ids: readonly string[]): Judgment[] {
  const wanted = new Set(ids);
  return learning.judgments().filter(({ id }) => wanted.has(id));
}

function versionOf(
  { version, at, from, judgments, heldBack, drift }: Version,
  learning: Learning,
  transcript: Transcript,
): ChatVersion {
  const again = transcript.again(version);
  const after = new Map(again?.answers.map((each) => [each.judgment, each.after]));
  return {
    ...{ version, at, from, heldBack, judgments: judgments.length },
    again:
      again &&
      judgmentsNamed(learning, judgments).map((row) => ({
        message: conversationText(row),
        before: row.output,
        after: after.get(row.id) ?? '',
        judgment: row.judgment,
      })),
    others: drift && {
      changed: drift.changed,
      meanKl: drift.mean_kl,
      answers: drift.answers.map(({ prompt, before, after }) => ({
        message: conversationText(prompt),
        before,
        after,
        judgment: null,
      })),
    },
  };
}
