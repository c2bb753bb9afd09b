// A model that learns while it is served: the version in use as a model to ask, answers and judgments as they come by
// requests, and what clients are told of versions. Knows the fields of these requests; how a model learns is
// learning's.
import { basename } from 'node:path';
import { WhetstoneError, briefly } from '../errors.ts';
import type { Judgment, Learning, Version, VersionModel } from '../learning/index.ts';
import type { AutomaticLearning } from '../learning/index.ts';
import type { SamplingDefaults } from '../models/sampling-defaults.ts';
import { promptRow } from '../rows/conversation.ts';
import type { PromptFields } from '../rows/conversation.ts';
import type { Fields } from '../rows/fields.ts';
import { promptOfTurns } from '../rows/read-prompt.ts';
import { ApiError, badRequest } from './api-error.ts';
import { judgedAnswer, promptInTurn } from './judged-answer.ts';
import { readJudgment } from './judgment-fields.ts';
import type { Exchange } from './recording.ts';
import type { LearningCall } from './routes.ts';
import { chatOf } from './served-model.ts';
import type { ServedModel } from './served-model.ts';
import { tokenTexts } from './token-text.ts';

/** What a request brings beside its path. */
export interface LearningRequest {
  readonly method: string;
  readonly query: URLSearchParams;
  /** Reads the JSON object in the body. Throws ApiError. */
  readonly readFields: () => Promise<Fields>;
}

export interface Learner {
  /** The name that requests call it by. */
  readonly id: string;
  /** The version in use. */
  present(): ServedModel;
  /** Whether a request is being answered by any version. */
  isBusy(): boolean;
  /** Hears of each chat that was answered, by whichever model. */
  answered(exchange: Exchange): void;
  /** Answers a request about judgments and versions. Throws ApiError. */
  call(
    call: LearningCall,
    request: LearningRequest,
  ): Promise<{ readonly status: number; readonly body: object }>;
}

export interface LearnerSettings {
  /** Default the name of the home's folder. */
  readonly id?: string;
  /** The model that it is a version of, as it is listed. */
  readonly parent: string | null;
  readonly sampling: SamplingDefaults;
  /** Takes what a user says next for the judgment of the answer before it. */
  readonly nextMessage: boolean;
  /** Null: trainings begin when a client asks for one. */
  readonly automatic: () => AutomaticLearning | null;
  /** Hears of a next message that could not be kept, and of a training that a client asked for and that failed. */
  readonly onError: (error: unknown) => void;
}

export function openLearner(learning: Learning, settings: LearnerSettings): Learner {
  const { parent, sampling, nextMessage, automatic, onError } = settings;
  const id = settings.id ?? basename(learning.home);
  let held = 0;
  const served = new WeakMap<VersionModel, ServedModel>();
  const present = (): ServedModel => {
    const model = learning.present();
    const known = served.get(model) ?? servedVersion(model);
    served.set(model, known);
    return known;
  };
  const servedVersion = (model: VersionModel): ServedModel => {
    const { engine, tokenizer, template, fingerprint, version } = model;
    const { maxPositions, vocabSize } = engine.describe();
    const { at } = learning.versions().find((each) => each.version === version)!;
    return {
      ...{ id, parent, engine, tokenizer, template, fingerprint, version, sampling, maxPositions, vocabSize },
      renderChat: chatOf(model),
      textOf: tokenTexts(tokenizer),
      created: Math.floor(Date.parse(at) / 1000),
      hold: () => {
        const letGo = model.hold();
        held++;
        return () => {
          held--;
          letGo();
        };
      },
    };
  };

  const answered = ({ id: name, choice, model, version, messages, response }: Exchange): void => {
    if (model !== id || version === undefined) return;
    const prompt = promptInTurn(messages);
    if (prompt === null) return;
    if (nextMessage) takeNextMessage(prompt);
    learning.answers.add({ id: name, choice, ...prompt, output: response, version });
  };

  /** The last answer before the user's message, if it was given here; each answer counts once. */
  const takeNextMessage = ({ instruction, before = [] }: PromptFields): void => {
    const said = before.at(-1);
    if (said?.role !== 'assistant' || instruction.trim() === '') return;
    const answer = learning.answers.given(promptOfTurns(before.slice(0, -1)), said.content);
    if (answer === null) return;
    const given = {
      ...judgedAnswer(answer),
      id: `next-${answer.id}-${answer.choice ?? 0}`,
      judgment: instruction,
    };
    if (learning.judgments().some((each) => each.id === given.id)) return;
    learning.judge(given).catch(onError);
  };

  const judgmentBody = (judgment: Judgment, learned: ReadonlySet<string>): object => {
    const { id: name, at, output, judgment: words, spans, version, answer, by, withdrawn } = judgment;
    return {
      id: name,
      object: 'judgment',
      created: seconds(at),
      ...promptRow(judgment),
      output,
      judgment: words,
      ...(spans !== undefined && { spans }),
      ...(by !== undefined && { by }),
      completion_id: answer ?? null,
      version: version ?? null,
      learned: learned.has(name),
      withdrawn: withdrawn !== null,
    };
  };
  const learnedIds = (): Set<string> => new Set(learning.versions().flatMap(({ judgments }) => judgments));

  const versionBody = (version: Version): object => {
    const { drift } = version;
    return {
      version: version.version,
      object: 'version',
      created: seconds(version.at),
      in_use: learning.inUse().version === version.version,
      from: version.from,
      judgments: version.judgments.length,
      steps: version.steps,
      held_back: version.heldBack,
      drift: drift && {
        prompts: drift.answers.length,
        source: drift.source,
        changed: drift.changed,
        mean_kl: drift.mean_kl,
      },
    };
  };
  const versionNamed = (text: string): Version => {
    const found = learning.versions().find(({ version }) => String(version) === text);
    if (found) return found;
    const known = learning.versions().map(({ version }) => version);
    throw new ApiError(404, `There is no version '${text}'. There are ${known.join(', ')}.`, {
      code: 'version_not_found',
    });
  };

  const statusBody = (): object => {
    const progress = learning.progress();
    return {
      object: 'learning',
      model: id,
      version: learning.inUse().version,
      state: progress !== null ? progress.phase : automatic()?.isWaiting() ? 'waiting' : 'idle',
      fresh_judgments: learning.fresh().length,
      unseen_judgments: learning.unseen().length,
      unfinished: learning.unfinished()?.version ?? null,
      progress: progress && {
        version: progress.version,
        done: progress.done,
        total: progress.total,
        seconds_left: progress.secondsLeft,
      },
      given_up: learning
        .givenUp()
        .map(({ version, at, reason }) => ({ version, created: seconds(at), reason })),
    };
  };

  const ok = (body: object, status = 200): { readonly status: number; readonly body: object } => ({
    status,
    body,
  });
  const call: Learner['call'] = async (asked, { method, query, readFields }) => {
    switch (asked.ask) {
      case 'judgments': {
        if (method === 'POST') {
          const given = await readJudgment(await readFields(), learning.answers, id);
          const judgment = await told(() => learning.judge(given));
          return ok(judgmentBody(judgment, learnedIds()), 201);
        }
        const limit = readLimit(query.get('limit'));
        const all = learning.judgments();
        const learned = learnedIds();
        const data = all.slice(-limit).map((judgment) => judgmentBody(judgment, learned));
        return ok({ object: 'list', data, has_more: all.length > limit });
      }
      case 'judgment': {
        const judgment = learning.judgments().find((each) => each.id === asked.id);
        if (judgment === undefined)
          throw new ApiError(404, `There is no judgment '${asked.id}'.`, { code: 'judgment_not_found' });
        return ok(
          judgmentBody(method === 'DELETE' ? await learning.withdraw(judgment.id) : judgment, learnedIds()),
        );
      }
      case 'versions':
        return ok({ object: 'list', data: learning.versions().map(versionBody) });
      case 'version': {
        const version = versionNamed(asked.version);
        const answers = version.drift?.answers.map(({ prompt, ...rest }) => ({
          ...promptRow(prompt),
          ...rest,
        }));
        return ok({ ...versionBody(version), judgment_ids: version.judgments, fixed_prompts: answers ?? [] });
      }
      case 'use':
        return ok(versionBody(await learning.use(versionNamed(asked.version).version)));
      case 'learning': {
        if (method !== 'POST') return ok(statusBody());
        if (learning.progress() === null) {
          if (!learning.canLearn())
            throw new ApiError(409, 'No judgment has come that the version in use could learn from.', {
              code: 'nothing_to_learn',
            });
          learning.learn().catch(onError);
        }
        return ok(statusBody(), 202);
      }
    }
  };
  return { id, present, isBusy: () => held > 0, answered, call };
}

const seconds = (at: string): number => Math.floor(Date.parse(at) / 1000);

const mostListed = 1000;

function readLimit(text: string | null): number {
  const limit = Number(text ?? 100);
  if (Number.isInteger(limit) && limit >= 1 && limit <= mostListed) return limit;
  throw badRequest(`Invalid 'limit': expected a whole number from 1 to ${mostListed}.`, 'limit');
}

/** What is wrong with a judgment is the request's fault. */
async function told<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof WhetstoneError)) throw error;
    if (error.code === 'JUDGMENT_EXISTS')
      throw new ApiError(409, briefly(error), { code: 'judgment_exists', param: 'id' });
    if (error.code === 'INVALID_ROWS' || error.code === 'INVALID_OPTIONS')
      throw badRequest(
        [briefly(error), ...error.problems.map(({ problem }) => problem)].join(': '),
        error.place.field ?? null,
        'invalid_judgment',
      );
    throw error;
  }
}
