// A verb's table, from the names of the settings that it takes and what is different about some of them.
import { subjects } from './subjects.ts';
import type { SettingName, SettingNamed, SubjectName } from './subjects.ts';
import type { Setting } from './kinds.ts';

export interface Selection {
  /** Whole subjects and single settings, in the order of --help. */
  readonly takes: readonly (SubjectName | SettingName)[];
  /** Fields that replace those of a setting's entry; with a `kind`, a whole entry. */
  readonly differs: { readonly [Name in SettingName]?: Partial<Setting> };
}

type Taken<Item> = Item extends SubjectName ? keyof (typeof subjects)[Item] : Item;
type Differing<Entry, Other> = Other extends { readonly kind: string }
  ? Other
  : Omit<Entry, keyof Other> & Other;

export type TableOf<S extends Selection> = {
  readonly [Name in Taken<S['takes'][number]> & string]: Name extends keyof S['differs']
    ? Differing<SettingNamed<Name>, S['differs'][Name]>
    : SettingNamed<Name>;
};

export function tableOf<const S extends Selection>({ takes, differs }: S): TableOf<S> {
  const differing: Readonly<Record<string, Partial<Setting> | undefined>> = differs;
  const entries = takes.flatMap((item) =>
    namesIn(item).map((name) => [name, entryOf(name, differing[name])]),
  );
  return Object.fromEntries(entries) as TableOf<S>;
}

const namesIn = (item: SubjectName | SettingName): string[] =>
  item in subjects ? Object.keys(subjects[item as SubjectName]) : [item];

function entryOf(name: string, other: Partial<Setting> = {}): Setting {
  const [group, table] = Object.entries<Readonly<Record<string, Setting>>>(subjects).find(([, each]) =>
    Object.hasOwn(each, name),
  )!;
  if (other.kind !== undefined) return { group, ...other } as Setting;
  return { group, ...table[name]!, ...other } as Setting;
}
