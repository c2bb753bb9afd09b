// The critiques of topic-based summaries and answers of Saunders et al. (arXiv 2206.05802): the "critiques" part
// of their release, one task a line.
import { isFields, optionalId, record, records, text } from '../../rows/fields.ts';
import type { Fields, RowReader } from '../../rows/fields.ts';
import { hasAll } from './layout.ts';
import type { Draft, Layout } from './layout.ts';

/**
 * A row: id, source_id, split, labeler, is_topic_based_summarization and
 * data { passage { title, text }, questions: [{ question, answers: [{ answer, feedback }], rankings }] } with
 * feedback { skip?, rating (1 to 7), critiques: [{ text, refinement, ... }] }.
 *
 * Passage and question make the instruction, the texts of all critiques the judgment, the last refinement the
 * revision. Rated 7 without critiques means satisfactory. The rating is not carried as score: it ends at 7.
 * Answers that are empty, skipped by the labeler, or neither criticised nor rated 7 are left out.
 *
 * The names of the fields are those that the released code of arXiv 2312.14591 and public converters read; the
 * passage's title is left out, as that code does.
 */
export const saunders: Layout = {
  name: 'saunders',
  columns: 'data { passage, questions [{ question, answers [{ answer, feedback }] }] }',
  matches: (columns, sample) => {
    const data = sample['data'];
    return (
      columns.has('data') && isFields(data) && hasAll(new Set(Object.keys(data)), 'passage', 'questions')
    );
  },
  convert: (row, reader) => convertTask(row, reader, 'all'),
};

/**
 * The same rows with the one answer of the highest ranking for each question, without those whose last refinement is
 * an empty text: what arXiv 2312.14591 trained on (10,827 of the train part).
 */
export const saundersTop: Layout = {
  ...saunders,
  name: 'saunders-top',
  columns: `as saunders; only the highest ranked answer of each question, if its last refinement is not empty`,
  matches: () => false,
  convert: (row, reader) => convertTask(row, reader, 'paper'),
};

/** Every answer, or those that arXiv 2312.14591 trained on. */
type Choice = 'all' | 'paper';

function convertTask(row: Fields, reader: RowReader, choice: Choice): readonly Draft[] {
  const data = record(row, 'data', reader);
  const passage = data && record(data, 'passage', reader, 'data.passage');
  const passageText = passage && text(passage, 'text', reader, 'data.passage.text');
  if (!data || passageText === null) return [];
  const id = optionalId(row, 'id', reader);
  return records(data, 'questions', reader, 'data.questions').flatMap(({ fields: question, path }) => {
    const asked = text(question, 'question', reader, `${path}.question`);
    const answers = records(question, 'answers', reader, `${path}.answers`);
    const chosen = choice === 'paper' ? topRanked(answers, question['rankings']) : answers;
    return chosen.flatMap(({ fields: answer, path: answerPath }) => {
      const judged = convertAnswer(answer, answerPath, reader, choice);
      return judged === null || asked === null
        ? []
        : [
            {
              instruction: `${passageText}\n${asked}`,
              ...judged,
              ...(id !== undefined && { id }),
              part: answerPath,
            },
          ];
    });
  });
}

function convertAnswer(
  answer: Fields,
  path: string,
  reader: RowReader,
  choice: Choice,
): Pick<Draft, 'output' | 'judgment' | 'revision'> | null {
  const output = text(answer, 'answer', reader, `${path}.answer`);
  if (output !== null && !('feedback' in answer) && 'critiques' in answer) {
    reader.problem(
      `${path}.feedback`,
      'the feedback of the "critiques" part',
      'a row of the "helpfulness" part',
    );
    return null;
  }
  const feedback = record(answer, 'feedback', reader, `${path}.feedback`);
  if (output === null || feedback === null) return null;
  if (output === '') return skip(reader, 'empty answer');
  if (feedback['skip'] === true) return skip(reader, 'skipped by the labeler');
  const critiques =
    feedback['critiques'] === null || feedback['critiques'] === undefined
      ? []
      : records(feedback, 'critiques', reader, `${path}.feedback.critiques`);
  if (critiques.length === 0) {
    const rating = feedback['rating'];
    const satisfactory = typeof rating === 'number' && rating >= 7;
    return satisfactory ? { output, judgment: null } : skip(reader, 'no critique and not rated 7');
  }
  const texts = critiques.map((c) => text(c.fields, 'text', reader, `${c.path}.text`) ?? '');
  const refinement = critiques.at(-1)?.fields['refinement'];
  if (choice === 'paper' && refinement === '') return skip(reader, 'empty last refinement');
  const judgment = texts
    .map((t) => t.trim())
    .filter(Boolean)
    .join(' ');
  // A critique without words is no praise.
  if (judgment === '') return skip(reader, 'empty critique');
  return {
    output,
    judgment,
    ...(typeof refinement === 'string' && refinement !== '' && { revision: refinement }),
  };
}

function topRanked<T>(answers: readonly T[], rankings: unknown): readonly T[] {
  if (!Array.isArray(rankings)) return answers.slice(0, 1);
  const ranks = rankings.map((rank) => (typeof rank === 'number' ? rank : -Infinity));
  const best = Math.max(0, ranks.indexOf(Math.max(...ranks)));
  return answers.slice(best, best + 1);
}

function skip(reader: RowReader, reason: string): null {
  reader.skip(reason);
  return null;
}
