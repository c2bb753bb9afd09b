// How texts mention an option. Errors, notes and hints name options as a program gives them; the command line prints
// the same texts with its flags. Knows neither which options there are nor how a flag is spelled.

/** A mention of the option with this TypeScript name, as it stands in a text: `cutoffLen`, in backticks. */
export const option = (name: string): string => `\`${name}\``;

/** The text with its mentions spelled by `spell`; what `spell` does not know (undefined) stays as it is. */
export const spellOptions = (text: string, spell: (name: string) => string | undefined): string =>
  text.replace(/`([A-Za-z]\w*)`/g, (mention, name: string) => spell(name) ?? mention);
