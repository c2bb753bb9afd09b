// The journal of a home, events.jsonl: what was judged and taken back, what was trained, found and used, as it happened.
// Everything that a home knows follows from it. Knows records; it does not know how anything is computed.
import { openJournal } from '../durable/journal.ts';
import type { Journal } from '../durable/journal.ts';
import { isFields } from '../rows/fields.ts';
import type { Fields } from '../rows/fields.ts';
import type { PromptFields } from '../rows/conversation.ts';
import { isDrift } from './drift-record.ts';
import type { Drift, PromptSource } from './drift-record.ts';
import { judgmentOfLine } from './judgment.ts';
import type { Judgment, JudgmentLine } from './judgment.ts';

/** A training that began, with all that decides its result. */
export interface Beginning {
  readonly version: number;
  /** The version that it goes on from. */
  readonly from: number;
  /** Ids of the judgments that it learns from, in their order. */
  readonly judgments: readonly string[];
  /** Settings of `align` without files, by their TypeScript names. */
  readonly settings: Readonly<Record<string, unknown>>;
  /** What both versions are asked before the new one takes over. */
  readonly fixed: { readonly source: PromptSource; readonly prompts: readonly PromptFields[] };
}

/** What a line says, beside the time `at`. */
export type LearningEvent =
  | ({ readonly event: 'judged' } & JudgmentLine)
  | { readonly event: 'withdrawn'; readonly id: string }
  | ({ readonly event: 'begun' } & Beginning)
  /** It will not be gone on with. */
  | { readonly event: 'given-up'; readonly version: number; readonly reason: string }
  /** Its adapter is whole. It is in use from here on, unless something held it back. */
  | {
      readonly event: 'learned';
      readonly version: number;
      readonly steps: number;
      readonly drift: Drift | null;
      readonly held_back: string | null;
    }
  | { readonly event: 'used'; readonly version: number };

/** How the model is, or was. Version 0 is what a home was begun with. */
export interface Version {
  readonly version: number;
  /** PEFT folder; null for a version 0 without adapter. */
  readonly adapter: string | null;
  /** When it was made, ISO 8601. */
  readonly at: string;
  /** The version that it was trained from; null for version 0. */
  readonly from: number | null;
  /** Ids of the judgments that it learned from, those of the versions before it not among them. */
  readonly judgments: readonly string[];
  /** Optimizer steps. */
  readonly steps: number;
  /** How far it is from the version that it was trained from; null where nothing was asked. */
  readonly drift: Drift | null;
  /** Why it did not take over by itself; null where it did. */
  readonly heldBack: string | null;
}

/** A training that was given up. */
export interface GivenUp {
  readonly version: number;
  readonly at: string;
  readonly reason: string;
  readonly judgments: readonly string[];
}

export interface LearningHistory {
  /** In the order in which they came, those that were taken back as well. */
  readonly judgments: ReadonlyMap<string, Judgment>;
  readonly versions: ReadonlyMap<number, Version>;
  readonly givenUp: readonly GivenUp[];
  /** Of the version in use. */
  inUse(): number;
  /** The training that began last, where it has neither ended nor been given up. */
  underWay(): Beginning | null;
  /** Number of the next version. */
  next(): number;
  /** Judgments that hold and that the version in use has learned from neither itself nor through those before it. */
  fresh(): Judgment[];
  /** Judgments that hold and that no training ever began with. */
  unseen(): Judgment[];
  /** Whether the journal's last line had been cut off by a kill. */
  readonly repaired: boolean;
  /** Appends an event; it is on disk when this resolves, and counts from then on. */
  add(event: LearningEvent): Promise<void>;
  close(): Promise<void>;
}

/** Only its owner may read what people say to a model. */
const ownerOnly = 0o600;

/** Opens HOME/events.jsonl; `adapterOf` says where a version's adapter lies. Throws `DAMAGED_JOURNAL`. */
export async function openLearningHistory(
  path: string,
  begun: string,
  adapterOf: (version: number) => string | null,
): Promise<LearningHistory> {
  const journal: Journal<LearningEvent & { readonly at: string }> = await openJournal(path, eventReader(), {
    mode: ownerOnly,
  });
  const judgments = new Map<string, Judgment>();
  const beginnings = new Map<number, Beginning>();
  const givenUp: GivenUp[] = [];
  const versions = new Map<number, Version>([
    [
      0,
      {
        version: 0,
        adapter: adapterOf(0),
        at: begun,
        from: null,
        judgments: [],
        steps: 0,
        drift: null,
        heldBack: null,
      },
    ],
  ]);
  const seen = new Set<string>();
  let inUse = 0;
  let underWay: Beginning | null = null;

  const take = (event: LearningEvent & { readonly at: string }): void => {
    const { at } = event;
    switch (event.event) {
      case 'judged':
        judgments.set(event.id, { ...judgmentOfLine(event as object as Fields)!, at, withdrawn: null });
        break;
      case 'withdrawn':
        judgments.set(event.id, { ...judgments.get(event.id)!, withdrawn: at });
        break;
      case 'begun':
        beginnings.set(event.version, event);
        for (const id of event.judgments) seen.add(id);
        underWay = event;
        break;
      case 'given-up': {
        const { version, reason } = event;
        givenUp.push({ version, at, reason, judgments: beginnings.get(version)!.judgments });
        underWay = null;
        break;
      }
      case 'learned': {
        const { version, steps, drift, held_back: heldBack } = event;
        const { from, judgments: learned } = beginnings.get(version)!;
        versions.set(version, {
          version,
          adapter: adapterOf(version),
          at,
          from,
          judgments: learned,
          steps,
          drift,
          heldBack,
        });
        underWay = null;
        if (heldBack === null) inUse = version;
        break;
      }
      case 'used':
        inUse = event.version;
        break;
    }
  };
  journal.records.forEach(take);

  const holding = (): Judgment[] => [...judgments.values()].filter(({ withdrawn }) => withdrawn === null);
  return {
    judgments,
    versions,
    givenUp,
    inUse: () => inUse,
    underWay: () => underWay,
    next: () => Math.max(0, ...beginnings.keys()) + 1,
    fresh: () => {
      const learned = new Set<string>();
      for (let at: number | null = inUse; at !== null; at = versions.get(at)!.from)
        for (const id of versions.get(at)!.judgments) learned.add(id);
      return holding().filter(({ id }) => !learned.has(id));
    },
    unseen: () => holding().filter(({ id }) => !seen.has(id)),
    repaired: journal.repaired,
    add: async (event) => {
      const dated = { ...event, at: new Date().toISOString() };
      await journal.append(dated);
      take(dated);
    },
    close: () => journal.close(),
  };
}

type Check = (value: unknown) => boolean;
const isWhole: Check = (value) => Number.isSafeInteger(value) && (value as number) >= 0;
const isText: Check = (value) => typeof value === 'string';
const areTexts: Check = (value) => Array.isArray(value) && value.every(isText);
const arePrompts: Check = (value) =>
  isFields(value) &&
  isText(value['source']) &&
  Array.isArray(value['prompts']) &&
  value['prompts'].every((prompt) => isFields(prompt) && isText(prompt['instruction']));

/** What a line of each kind has to hold; whoever goes on relies on it. */
const expected: Readonly<Record<LearningEvent['event'], Readonly<Record<string, Check>>>> = {
  judged: { id: isText, row: isFields },
  withdrawn: { id: isText },
  begun: {
    version: isWhole,
    from: isWhole,
    judgments: areTexts,
    settings: isFields,
    fixed: arePrompts,
  },
  'given-up': { version: isWhole, reason: isText },
  learned: {
    version: isWhole,
    steps: isWhole,
    drift: (value) => value === null || isDrift(value),
    held_back: (value) => value === null || isText(value),
  },
  used: { version: isWhole },
};

/** A reader of lines that also sees to it that they speak of judgments and versions that the lines before them have. */
function eventReader(): (value: unknown) => (LearningEvent & { readonly at: string }) | null {
  const judged = new Set<string>();
  const begun = new Set<number>();
  const made = new Set<number>([0]);
  return (value) => {
    if (!isFields(value) || !isText(value['at'])) return null;
    const { event } = value;
    if (typeof event !== 'string' || !Object.hasOwn(expected, event)) return null;
    const fits = Object.entries(expected[event as LearningEvent['event']]).every(([name, is]) =>
      is(value[name]),
    );
    if (!fits) return null;
    const line = value as unknown as LearningEvent & { readonly at: string };
    switch (line.event) {
      case 'judged':
        if (judged.has(line.id) || judgmentOfLine(value) === null) return null;
        judged.add(line.id);
        return line;
      case 'withdrawn':
        return judged.has(line.id) ? line : null;
      case 'begun':
        if (made.has(line.version) || !made.has(line.from)) return null;
        if (!line.judgments.every((id) => judged.has(id))) return null;
        begun.add(line.version);
        return line;
      case 'given-up':
        return begun.has(line.version) ? line : null;
      case 'learned':
        if (!begun.has(line.version)) return null;
        made.add(line.version);
        return line;
      case 'used':
        return made.has(line.version) ? line : null;
    }
  };
}
