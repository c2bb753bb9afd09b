// The fields of POST /v1/judgments: which answer, and what somebody thinks of it. Knows fields, not what is done with them.
import type { Answers, GivenJudgment, Mark } from '../learning/index.ts';
import { isFields } from '../rows/fields.ts';
import type { Fields } from '../rows/fields.ts';
import { ApiError, badRequest } from './api-error.ts';
import { booleanField, invalidType, numberField, textField } from './fields.ts';
import { judgedAnswer, promptInTurn } from './judged-answer.ts';
import { readMessages } from './chat-messages.ts';

const known = new Set([
  'model',
  'completion_id',
  'choice',
  'messages',
  'instruction',
  'input',
  'output',
  'judgment',
  'satisfactory',
  'spans',
  'id',
  'user',
]);

/** Throws ApiError for fields that do not fit, and 404 for an answer that is not known. */
export async function readJudgment(fields: Fields, answers: Answers, model: string): Promise<GivenJudgment> {
  for (const name of Object.keys(fields))
    if (!known.has(name))
      throw badRequest(
        `Unrecognized request argument supplied: ${name.slice(0, 100)}`,
        name.slice(0, 100),
        'unknown_parameter',
      );
  const named = textField(fields, 'model');
  if (named !== null && named !== model)
    throw new ApiError(404, `The model '${named}' does not learn here; '${model}' does.`, {
      param: 'model',
      code: 'model_not_found',
    });
  const judgment = readWords(fields);
  const id = textField(fields, 'id');
  const by = textField(fields, 'user');
  const spans = readSpans(fields['spans'] ?? null);
  return {
    ...(await readExchange(fields, answers)),
    judgment,
    ...(id !== null && { id }),
    ...(by !== null && { by }),
    ...(spans !== null && { spans }),
  };
}

/** Null is praise; whoever only says that an answer is not satisfactory has not said why. */
function readWords(fields: Fields): string | null {
  const words = textField(fields, 'judgment');
  const satisfactory = fields['satisfactory'] === undefined ? null : booleanField(fields, 'satisfactory');
  if (words !== null && words.trim() !== '') {
    if (satisfactory !== true) return words;
    throw badRequest(
      "Give 'judgment' for an answer that has a fault, or 'satisfactory': true, not both.",
      'satisfactory',
    );
  }
  if (satisfactory === true || (satisfactory === null && 'judgment' in fields && fields['judgment'] === null))
    return null;
  throw badRequest(
    "Say in 'judgment' what is wrong with the answer, or that it is good with 'satisfactory': true.",
    'judgment',
    'missing_required_parameter',
  );
}

type Exchange = Pick<GivenJudgment, 'instruction' | 'input' | 'before' | 'output' | 'version' | 'answer'>;

async function readExchange(fields: Fields, answers: Answers): Promise<Exchange> {
  const completion = textField(fields, 'completion_id');
  const output = textField(fields, 'output');
  if (completion !== null) {
    for (const other of ['messages', 'instruction', 'input', 'output'])
      if (fields[other] !== undefined)
        throw badRequest(`A completion has its own '${other}': give 'completion_id' alone.`, other);
    const choice = numberField(fields, 'choice', { min: 0, integer: true }) ?? 0;
    const found = (await answers.named(completion)).find((answer) => (answer.choice ?? 0) === choice);
    if (found === undefined)
      throw new ApiError(
        404,
        `There is no answer ${choice} of completion '${completion.slice(0, 100)}' here. Send its 'messages' with 'output' instead.`,
        { param: 'completion_id', code: 'completion_not_found' },
      );
    return judgedAnswer(found);
  }
  if (output === null)
    throw badRequest(
      "Name the answer by 'completion_id', or give 'messages' (or 'instruction') and its 'output'.",
      'output',
      'missing_required_parameter',
    );
  const instruction = textField(fields, 'instruction');
  if (instruction !== null) {
    if (fields['messages'] !== undefined)
      throw badRequest("Give 'messages' or 'instruction', not both.", 'messages');
    const input = textField(fields, 'input');
    return { instruction, ...(input !== null && { input }), output };
  }
  const prompt = promptInTurn(readMessages(fields));
  if (prompt === null)
    throw badRequest("'messages' have to be user and assistant in turn, the user last.", 'messages');
  return { ...prompt, output };
}

function readSpans(value: unknown): readonly Mark[] | null {
  if (value === null) return null;
  const expected = 'an array of pairs [from, to] of code points';
  if (!Array.isArray(value)) throw invalidType('spans', expected, value);
  return value.map((span: unknown): Mark => {
    const pair = isFields(span) ? [span['from'], span['to']] : span;
    if (Array.isArray(pair) && pair.length === 2 && pair.every((at) => typeof at === 'number'))
      return pair as unknown as Mark;
    throw invalidType('spans', expected, span);
  });
}
