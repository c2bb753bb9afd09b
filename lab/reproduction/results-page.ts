// The page that sums up all suites: every claim with its verdict, and where the figures are. Pure: it is made from the saved
// records, so it says nothing that they do not.
import { duration } from '../../src/report/format.ts';
import type { Claim, Verdict } from './claims.ts';
import { ours } from './claims.ts';
import { markdownTable } from './markdown.ts';
import type { SavedRecord } from './record.ts';

const about = `# Results on the world

What the paper (arXiv 2312.14591) compares on large models with GPT-4 as the judge, compared here on a small world whose judge knows
every error (\`lab/world\`): ten families of instructions, answers with systematic mistakes, critiques in words. Figures are shares of
satisfactory greedy answers to held-out test instructions, with 95% intervals. They can be compared with each other, not with the
paper's: theirs stand beside them to compare the order.

Two decisions matter for what follows, the first made before methods were compared, the second after a first look at the
development split:

- **How well the base model revises.** One document in twenty of its corpus is a revision, four fifths of them right
  (\`lab/world/documents.ts\`). [Its model card](../models/world-128/README.md) says how many of its own wrong answers it revises well
  when it is shown their judgments: most, which makes the ILF methods strong here.
- **How much data.** With a thousand training instructions all better methods come close to the ceiling, so the suites train on 250 or
  fewer.

Settings of every method were chosen by \`whetstone reproduce tune --train N\` on the development split, twelve runs for each method:
SETTINGS.`;

/** Sizes that settings were tuned at, each with a page. */
const tunedSizes = [20, 60, 125, 250] as const;

/** A page whose record is not saved. */
export type Unrecorded = Pick<SavedRecord, 'name'> & Pick<SavedRecord['page'], 'title'>;

export function resultsPage(records: readonly SavedRecord[], earlier: readonly Unrecorded[] = []): string {
  const claims = records.flatMap(({ page }) => page.claims);
  const seconds = records.reduce((sum, { page }) => sum + page.facts.computeSeconds, 0);
  const settings = tunedSizes.map((size) => `[${size}](results/tune-${size}.md)`).join(', ');
  return [
    about.replace('SETTINGS', `for ${settings} training instructions`),
    '## In short',
    [
      `- Of ${counted(claims, (source) => source !== ours)} that papers make.`,
      `- Of ${counted(claims, (source) => source === ours)} of our own.`,
    ].join('\n'),
    'A claim is **confirmed** where the whole 95% interval of the difference is on its side, **contradicted** where all of it is on the ' +
      'other, and **not shown** where it holds both. A world is not the paper: a claim that is contradicted here may hold elsewhere, and ' +
      'each page says what its setting was.',
    ...records.map(section),
    ...(earlier.length === 0
      ? []
      : [
          '## Earlier runs',
          'These pages are older than the records and were not made anew; no claims are counted from them.',
          earlier.map(({ name, title }) => `- [${title}](results/${name}.md)`).join('\n'),
        ]),
    '## How it was made',
    '    npm run docs:results',
    'That is `whetstone reproduce all --out docs`, and formatting. Every run is kept in docs/results/cells as soon as it is there, so the ' +
      `command goes on where it was interrupted. All runs together are ${duration(seconds)} of one core's computing, as their pages ` +
      'say, on machines that were shared. Each page names its commit. What was measured item by item is in NAME.json beside each page, ' +
      'and a test holds every figure of the tables to it.',
  ]
    .join('\n\n')
    .concat('\n');
}

/** "31 claims 20 are confirmed, 8 not shown and 3 contradicted" */
function counted(claims: readonly Claim[], is: (source: string) => boolean): string {
  const own = claims.filter(({ source }) => is(source));
  const of = (verdict: Verdict): number => own.filter((claim) => claim.verdict === verdict).length;
  return `${own.length} claims ${of('confirmed')} are confirmed, ${of('not shown')} not shown and ${of('contradicted')} contradicted: those`;
}

function section({ name, page }: SavedRecord): string {
  const { title, claims, conclusions } = page;
  const body =
    claims.length > 0
      ? markdownTable(
          ['claim', 'said in', 'verdict'],
          claims.map(({ claim, source, verdict }) => [claim, source, `**${verdict}**`]),
        )
      : conclusions.map((line) => `- ${line}`).join('\n');
  return `## [${title}](results/${name}.md)\n\n${body}`;
}
