// The reference of all settings as Markdown, from the tables. Knows tables, not where the page lies.
import { expectation } from './kinds.ts';
import type { Setting } from './kinds.ts';
import type { Table } from './table.ts';

/** A verb, or a function of the library, with what it takes. */
export interface Taker {
  readonly name: string;
  readonly table: Table;
}

/**
 * A section for each heading, a row for each setting: its kind and range, its default, the verbs that have it, and what
 * `--resume` does with it. Where verbs differ, the row says so.
 */
export function referencePage(takers: readonly Taker[]): string {
  const names = [...new Set(takers.flatMap(({ table }) => Object.keys(table)))];
  const rows = names.map((name) => {
    const entries = takers.flatMap(({ name: verb, table }) => {
      const setting = table[name];
      return setting === undefined ? [] : [{ verb, setting }];
    });
    return { heading: entries[0]!.setting.group ?? 'Other', cells: cellsOf(name, entries) };
  });
  const headings = [...new Set(rows.map(({ heading }) => heading))];
  const sections = headings.map((heading) => {
    const lines = rows
      .filter((row) => row.heading === heading)
      .map(({ cells }) => `| ${cells.join(' | ')} |`);
    return [`## ${heading}`, '', header, ...lines].join('\n');
  });
  return [introduction, ...sections].join('\n\n') + '\n';
}

const header =
  '| setting | takes | default | verbs | with `--resume` | meaning |\n| --- | --- | --- | --- | --- | --- |';

const introduction = `# Settings

Every setting of every verb. This page is made from the tables in \`src/options\` by \`npm run docs:settings\`.

On the command line a setting is a flag (\`--learning_rate 4e-4\`), in a config file a key (\`learning_rate: 4e-4\`), and in
TypeScript an option in camelCase (\`learningRate: 4e-4\`). One that is needed has to be given. With \`--resume\`,
what is "fixed" is taken from the run's record; what is "free" may be given anew; of "content" the files may lie
elsewhere, and have to hold the same.`;

interface Entry {
  readonly verb: string;
  readonly setting: Setting;
}

function cellsOf(name: string, entries: readonly Entry[]): string[] {
  const { setting } = entries[0]!;
  return [
    `\`${name}\``,
    differing(entries, expectation),
    differing(entries, defaultOf),
    entries.map(({ verb }) => verb).join(', '),
    differing(entries, ({ resume, flagOnly }) => (flagOnly ? '' : (resume ?? 'fixed'))),
    setting.help,
  ].map((cell) => cell.replaceAll('|', '\\|'));
}

/** What is so for the first verb, and then for those where it is otherwise. */
function differing(entries: readonly Entry[], say: (setting: Setting) => string): string {
  const [first, ...others] = entries;
  const said = say(first!.setting);
  const rest = others.filter(({ setting }) => say(setting) !== said);
  return [said, ...rest.map(({ verb, setting }) => `${verb}: ${say(setting)}`)].join('; ');
}

function defaultOf({ default: value, defaultText, nullable }: Setting): string {
  if (defaultText !== undefined && defaultText !== '') return defaultText;
  if (value === undefined && !nullable) return 'needed';
  if (value === undefined || value === null || (Array.isArray(value) && value.length === 0)) return 'none';
  return `\`${Array.isArray(value) ? value.join(',') : (value as string)}\``;
}
