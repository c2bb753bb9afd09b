// Instructions with a reference output each, out of a data file. Knows the fields of a row, no task.
import { dataDigest } from '../runs/digests.ts';
import { refuseMisspelt } from '../rows/columns.ts';
import { promptOf } from '../rows/conversation.ts';
import type { PromptFields } from '../rows/conversation.ts';
import { optionalText } from '../rows/fields.ts';
import { readEach } from '../rows/read-each.ts';
import { readExchange } from '../rows/read-prompt.ts';

export interface ReferenceRow extends PromptFields {
  readonly reference: string;
  /** Who wrote the reference, and which data set the row is of, where the file says so. */
  readonly generator?: string;
  readonly dataset?: string;
}

export interface ReferenceFile {
  readonly file: string;
  readonly digest: string;
  readonly rows: readonly ReferenceRow[];
}

/**
 * Rows of instruction, input? (or of messages), and `reference` or, as in AlpacaEval's files, `output`; optionally
 * generator and dataset; in any format that `openRows` reads. Throws WhetstoneError as `openRows` does, and
 * `INVALID_ROWS` for everything that is wrong with the rows at once.
 */
export async function readReferences(file: string): Promise<ReferenceFile> {
  const rows = await readEach(file, (value, reader): ReferenceRow => {
    const name = 'reference' in value || !('output' in value) ? 'reference' : 'output';
    const { output: reference, ...prompt } = readExchange(value, reader, {
      output: name,
      response: ['reference', 'output', 'response'],
    });
    refuseMisspelt(value, reader, { required: ['instruction', name], optional: ['input'] });
    const generator = optionalText(value, 'generator', reader);
    const dataset = optionalText(value, 'dataset', reader);
    return {
      ...promptOf({ ...prompt, input: prompt.input || undefined }),
      reference,
      ...(generator && { generator }),
      ...(dataset && { dataset }),
    };
  });
  return { file, digest: await dataDigest(file), rows };
}
