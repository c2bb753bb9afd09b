// How texts mention an option. Errors, notes and hints name options as a program gives them; the command line prints
// the same texts with its flags. Knows neither which options there are nor how a flag is spelled.

/** A mention of the option with this TypeScript name, as it stands in a text: "option `cutoffLen`". */
export const option = (name: string): string => `option \`${name}\``;

/** The text with each mention of an option as `spell` has it. */
export const spellOptions = (text: string, spell: (name: string) => string): string =>
  text.replace(/option `([A-Za-z]\w*)`/g, (_, name: string) => spell(name));
