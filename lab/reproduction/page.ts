// A suite's page: table, figure, what it says, how it was made. Knows Markdown, no numbers of its own.
import { duration } from '../../src/report/format.ts';
import type { Claim } from './claims.ts';
import { markdownTable } from './markdown.ts';
import type { Provenance } from './provenance.ts';

export interface Page {
  readonly title: string;
  readonly about: string;
  readonly table: string;
  /** File name of the figure beside the page. */
  readonly figure: string | null;
  readonly claims: readonly Claim[];
  readonly conclusions: readonly string[];
  readonly notes: readonly string[];
  readonly facts: Provenance & {
    readonly seconds: number;
    readonly computeSeconds: number;
    readonly jobs: number;
  };
  readonly command: string | null;
}

export function suitePage(page: Page): string {
  const { facts } = page;
  const versions = Object.entries({ node: facts.node, ...facts.versions }).map(
    ([name, version]) => `${name} ${version}`,
  );
  const made = [
    facts.date,
    `commit ${facts.commit ?? 'unknown'}`,
    `${facts.cpu}, ${facts.cores} cores`,
    `${duration(facts.computeSeconds)} of computing in all cells (${facts.jobs} at once), ${duration(facts.seconds)} in this run`,
    versions.join(', '),
  ];
  const lists = (items: readonly string[]): string => items.map((item) => `- ${item}`).join('\n');
  return [
    `# ${page.title}`,
    page.about,
    page.table,
    page.figure === null ? '' : `![${page.title}](${page.figure})`,
    ...(page.claims.length === 0 ? [] : ['## Claims', claimsTable(page.claims)]),
    '## What it says',
    lists(page.conclusions),
    '## How it was made',
    page.command === null ? '' : `    ${page.command}`,
    lists([...page.notes, ...made]),
  ]
    .filter((part) => part !== '')
    .join('\n\n')
    .concat('\n');
}

const claimsTable = (claims: readonly Claim[]): string =>
  markdownTable(
    ['claim', 'said in', 'verdict', 'here'],
    claims.map(({ claim, source, verdict, evidence }) => [claim, source, `**${verdict}**`, evidence]),
  );
