// What the card of a base model says of its licence. Knows the front matter of cards, nothing of runs.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readYaml } from '../options/yaml.ts';
import { isFields } from '../rows/fields.ts';

/** The hub's fields of a licence; none where nothing is said. */
export interface CardLicence {
  readonly license?: string;
  readonly license_name?: string;
  readonly license_link?: string;
}

/** Of README.md in a model's folder. A card that cannot be read says nothing. */
export async function licenceOf(modelDir: string): Promise<CardLicence> {
  const text = await readFile(join(modelDir, 'README.md'), 'utf8').catch(() => '');
  return parseLicence(text);
}

export function parseLicence(card: string): CardLicence {
  const [, front] = /^\uFEFF?---[ \t]*\r?\n([^]*?)\r?\n---[ \t]*(?:\r?\n|$)/.exec(card) ?? [];
  if (front === undefined || front.length > longestFrontMatter) return {};
  let fields: unknown;
  try {
    fields = readYaml(front, { file: 'README.md', code: 'CARD', hint: '' });
  } catch {
    return {};
  }
  if (!isFields(fields)) return {};
  const found = Object.fromEntries(
    (['license', 'license_name', 'license_link'] as const).flatMap((name) => {
      const value = fields[name];
      return typeof value === 'string' && value.trim() !== '' ? [[name, value.trim()]] : [];
    }),
  ) as CardLicence;
  return found.license === undefined ? {} : found;
}

/** Characters: what is longer is no person's. */
const longestFrontMatter = 1 << 18;
