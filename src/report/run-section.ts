// What made the report: settings, command, versions.
import type { Provenance, ReportData, SettingValue } from './data.ts';
import type { Markup } from './markup.ts';
import { markup } from './markup.ts';
import type { Section } from './parts.ts';
import { folded } from './parts.ts';

export function runSection({ settings, keySettings, provenance }: ReportData): Section | null {
  const rows = settings ? flatten(settings) : [];
  const first = keySettings ? rows.filter(([name]) => keySettings.includes(name.split('.')[0]!)) : rows;
  const origin = provenance && provenanceMarkup(provenance);
  if (rows.length === 0 && !origin) return null;
  const rest = rows.length - first.length;
  const all = rest > 0 && folded(`All ${rows.length} settings`, table(rows));
  const body = markup`<div class="run">${rows.length > 0 && markup`<div>${first.length > 0 && keyValues('Settings', first)}${all}</div>`}${origin}</div>`;
  return { id: 'run', title: 'The run', body };
}

function provenanceMarkup({ command, versions = {}, facts = {} }: Provenance): Markup | null {
  const tables = [
    { title: 'Origin', rows: Object.entries(facts) },
    { title: 'Versions', rows: Object.entries(versions) },
  ].filter(({ rows }) => rows.length > 0);
  if (!command && tables.length === 0) return null;
  return markup`<div>${command && markup`<h3>Command</h3><pre><code>${command}</code></pre>`}${tables.map(({ title, rows }) => folded(title, table(rows)))}</div>`;
}

type Rows = readonly (readonly [string, string])[];

const keyValues = (title: string, rows: Rows): Markup => markup`<h3>${title}</h3>${table(rows)}`;

const table = (rows: Rows): Markup =>
  markup`<table class="keys"><thead class="unseen"><tr><th scope="col">Name</th><th scope="col">Value</th></tr></thead><tbody>${rows.map(
    ([name, value]) => markup`<tr><th scope="row">${name}</th><td><code>${value}</code></td></tr>`,
  )}</tbody></table>`;

/** Names of nested settings joined by dots; lists of plain values in one line. What is null is left out. */
export function flatten(
  settings: Readonly<Record<string, SettingValue>>,
  prefix = '',
): [name: string, value: string][] {
  return Object.entries(settings).flatMap(([name, value]): [string, string][] => {
    if (value === null) return [];
    if (isRecord(value) && Object.keys(value).length > 0) return flatten(value, `${prefix}${name}.`);
    return [[prefix + name, written(value)]];
  });
}

const isRecord = (value: SettingValue): value is { readonly [name: string]: SettingValue } =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function written(value: SettingValue): string {
  if (typeof value === 'string') return value;
  if (Array.isArray(value) && value.every((item) => typeof item !== 'object'))
    return (value as readonly SettingValue[]).map(String).join(', ');
  return JSON.stringify(value);
}
