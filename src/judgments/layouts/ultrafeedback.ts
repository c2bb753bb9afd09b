// UltraFeedback (arXiv 2310.01377), Hugging Face data set openbmb/UltraFeedback: several judged completions a row.
import { isFields, optionalId, optionalText, parseNumber, records, text } from '../../rows/fields.ts';
import type { Fields, RowReader } from '../../rows/fields.ts';
import { SATISFACTORY_SCORE } from '../triplet.ts';
import { hasAll } from './layout.ts';
import type { Draft, Layout } from './layout.ts';

/**
 * A row: source, instruction, models and
 * completions: [{ response, critique, overall_score, annotations: { helpfulness: { Rating, Rationale, ... } } }].
 *
 * One triplet a completion. overall_score (1 to 10, a number or a numeral, also "8/10") is carried as score, so
 * that 7 and more is satisfactory. Where the critique is missing, the rationales of the aspects that were not
 * rated 5 take its place; where nothing is rated below 5 and there is no score either, the completion is
 * satisfactory. A low score without a word of critique is left out.
 */
export const ultrafeedback: Layout = {
  name: 'ultrafeedback',
  columns: 'instruction, completions [{ response, critique, overall_score }]',
  matches: (columns) => hasAll(columns, 'instruction', 'completions'),
  convert: (row, reader) => {
    const instruction = text(row, 'instruction', reader);
    const id = optionalId(row, 'id', reader);
    return records(row, 'completions', reader).flatMap(({ fields, path }) => {
      const judged = convertCompletion(fields, path, reader);
      return judged === null || instruction === null
        ? []
        : [{ instruction, ...judged, ...(id !== undefined && { id }), part: path }];
    });
  },
};

/** The flat form of the same data (argilla/ultrafeedback-critique): instruction, response, critique, overall_score. */
export const ultrafeedbackFlat: Layout = {
  name: 'ultrafeedback-flat',
  columns: 'instruction, response, critique, overall_score',
  matches: (columns) => hasAll(columns, 'instruction', 'response', 'critique', 'overall_score'),
  convert: (row, reader) => {
    const instruction = text(row, 'instruction', reader);
    const id = optionalId(row, 'id', reader);
    const judged = convertCompletion(row, '', reader);
    return judged === null
      ? []
      : [{ instruction: instruction ?? '', ...judged, ...(id !== undefined && { id }) }];
  },
};

function convertCompletion(
  completion: Fields,
  path: string,
  reader: RowReader,
): Pick<Draft, 'output' | 'judgment' | 'score'> | null {
  const at = (name: string): string => (path === '' ? name : `${path}.${name}`);
  const output = text(completion, 'response', reader, at('response'));
  const critique = optionalText(completion, 'critique', reader, at('critique'));
  const score = scoreOf(completion['overall_score'], at('overall_score'), reader);
  if (output === null) return null;
  const ratings = lowRatings(completion['annotations']);
  const judgment = critique?.trim() || ratings.rationales.join(' ') || null;
  const satisfactory = score !== undefined ? score >= SATISFACTORY_SCORE : ratings.rated && ratings.low === 0;
  if (judgment === null && !satisfactory) {
    reader.skip('neither critique nor high score');
    return null;
  }
  return { output, judgment, ...(score !== undefined && { score }) };
}

function scoreOf(value: unknown, path: string, reader: RowReader): number | undefined {
  if (value === undefined || value === null || value === '' || value === 'N/A') return undefined;
  const number = typeof value === 'string' ? parseNumber(value.split('/')[0]!) : value;
  if (typeof number === 'number' && Number.isFinite(number)) return number;
  reader.problem(
    path,
    'a number',
    typeof value === 'string' ? `the string ${JSON.stringify(value)}` : typeof value,
  );
  return undefined;
}

function lowRatings(annotations: unknown): { rated: boolean; low: number; rationales: string[] } {
  const aspects = Object.values(isFields(annotations) ? annotations : {}).filter(isFields);
  const rated = aspects.filter((aspect) => !Number.isNaN(parseNumber(String(aspect['Rating']))));
  const low = rated.filter((aspect) => Number(aspect['Rating']) < 5);
  const rationales = low.flatMap((aspect) => {
    const rationale = aspect['Rationale For Rating'] ?? aspect['Rationale'];
    return typeof rationale === 'string' && rationale.trim() !== '' ? [rationale.trim()] : [];
  });
  return { rated: rated.length > 0, low: low.length, rationales };
}
