// The human critiques of Shepherd (arXiv 2308.04592), github facebookresearch/Shepherd, folder data.
import { isFields, optionalId, record, records, text } from '../../rows/fields.ts';
import type { Fields, RowReader } from '../../rows/fields.ts';
import { hasAll } from './layout.ts';
import type { Draft, Layout } from './layout.ts';

/** human_data_for_model.jsonl: id, dataset (earlier: meta), question, answer, feedback; every row is criticised. */
export const shepherd: Layout = {
  name: 'shepherd',
  columns: 'question, answer, feedback',
  matches: (columns) => hasAll(columns, 'question', 'answer', 'feedback'),
  convert: (row, reader) => {
    const id = optionalId(row, 'id', reader);
    const instruction = text(row, 'question', reader);
    const output = text(row, 'answer', reader);
    const judgment = text(row, 'feedback', reader);
    return [
      {
        instruction: instruction ?? '',
        output: output ?? '',
        judgment,
        ...(id !== undefined && { id }),
      },
    ];
  },
};

/**
 * human_data_raw.jsonl: metadata { context, output_candidate, output_correct } and
 * latestLabel.jsonResponse.CLASSIFICATION_JOB_0.categories, one per kind of error, each with its critique in a
 * child { text }. The critiques, in their order, make the judgment; a row marked "No error" is satisfactory;
 * output_correct becomes the revision.
 */
export const shepherdRaw: Layout = {
  name: 'shepherd-raw',
  columns: 'latestLabel, metadata { context, output_candidate }',
  matches: (columns) => hasAll(columns, 'latestLabel', 'metadata'),
  convert: (row, reader) => {
    const metadata = record(row, 'metadata', reader);
    const label = record(row, 'latestLabel', reader);
    const response = label && record(label, 'jsonResponse', reader, 'latestLabel.jsonResponse');
    if (!metadata || !response) return [];
    const id = optionalId(row, 'id', reader);
    const draft: Draft = {
      instruction: text(metadata, 'context', reader, 'metadata.context') ?? '',
      output: text(metadata, 'output_candidate', reader, 'metadata.output_candidate') ?? '',
      judgment: null,
      ...(typeof metadata['output_correct'] === 'string' && { revision: metadata['output_correct'] }),
      ...(id !== undefined && { id }),
    };
    const judgment = critiquesOf(response, reader);
    return judgment === undefined ? [] : [{ ...draft, judgment }];
  },
};

function critiquesOf(response: Fields, reader: RowReader): string | null | undefined {
  const path = 'latestLabel.jsonResponse.CLASSIFICATION_JOB_0';
  const job = record(response, 'CLASSIFICATION_JOB_0', reader, path);
  if (!job) return undefined;
  const categories = records(job, 'categories', reader, `${path}.categories`);
  const critiques = categories.flatMap(({ fields }) =>
    Object.values(isFields(fields['children']) ? fields['children'] : {}).flatMap((child) =>
      isFields(child) && typeof child['text'] === 'string' && child['text'].trim() !== ''
        ? [child['text'].trim()]
        : [],
    ),
  );
  if (critiques.length > 0) return critiques.join(' ');
  if (categories.some(({ fields }) => /^no[_ ]error/i.test(String(fields['name'])))) return null;
  reader.skip('no critique and not marked as free of errors');
  return undefined;
}
