// Options of objectives, which are settings of methods: checked, with the tables' defaults. Knows no objective.
import { checkOptions } from '../options/check.ts';
import type { OtherKind } from '../options/check.ts';
import { snakeCase } from '../options/names.ts';
import { defaultsOf, pick } from '../options/table.ts';
import type { SettingsOf, Table } from '../options/table.ts';
import { method } from '../options/tables/method.ts';

/** The settings that belong to some methods. */
export type MethodSettings = SettingsOf<Omit<typeof method, 'method'>>;
export type MethodSetting = keyof MethodSettings;

/** Those of them that an objective has, none of which has to be given. */
export type OptionsOf<Name extends MethodSetting> = Partial<Pick<MethodSettings, Name>>;

/** As equations have them: a lambda below 1, which flags nearly everything, is a lambda all the same. */
const equation: Table = { ...method, lambda: { ...method.lambda, min: undefined, above: 0 } };

/**
 * All of an objective's options: those given, else its own defaults, else the general ones.
 *
 * Throws WhetstoneError `INVALID_OPTIONS` for everything that is wrong with those given.
 */
export function settle<Name extends MethodSetting>(
  given: OptionsOf<Name>,
  names: readonly Name[],
  own: OptionsOf<Name> = {},
  others: Readonly<Record<string, OtherKind>> = {},
): Pick<MethodSettings, Name> {
  const table: Table = pick(equation, names.map(snakeCase));
  const checked = checkOptions({ table, others, required: () => [], together: () => [] }, given);
  return { ...defaultsOf(table), ...own, ...checked } as unknown as Pick<MethodSettings, Name>;
}
