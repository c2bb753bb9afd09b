// The colours of reports and figures, for light and dark, and the style rules of figures written with them.
// Series were chosen so that any two differ under simulated protanopia, deuteranopia and tritanopia too
// (Machado et al. 2009; smallest CIE76 distance 20), and differ in marker besides.

export interface Theme {
  readonly paper: string;
  /** Behind boxes, table heads, code. */
  readonly panel: string;
  /** Text, and text of less weight. Both have a contrast of at least 4.5 on paper and panel. */
  readonly ink: string;
  readonly soft: string;
  /** Lines: of grids and tables, and around controls. */
  readonly grid: string;
  readonly rule: string;
  /** Links, focus. */
  readonly accent: string;
  readonly good: string;
  readonly bad: string;
  /** Bars and lines of what others are compared with. */
  readonly reference: string;
  readonly series: readonly string[];
  /** Token backgrounds by `heatLevels`: first those that the judgment makes less likely. Text on them is `ink`. */
  readonly heat: readonly string[];
}

export const light: Theme = {
  paper: '#ffffff',
  panel: '#f5f6f8',
  ink: '#191c22',
  soft: '#565d69',
  grid: '#e3e6ea',
  rule: '#c9ced6',
  accent: '#0d3f9a',
  good: '#0b6b54',
  bad: '#b3132f',
  reference: '#8b93a0',
  series: ['#0d3f9a', '#d1384a', '#0a94a8', '#8d4be0', '#c67800', '#6b1f40'],
  heat: [
    '#559fd4',
    '#7fb7df',
    '#a8cee9',
    '#cde2f3',
    '#e7f1f9',
    '#f2f3f5',
    '#fdefdf',
    '#fbdbb8',
    '#f7c28b',
    '#f0a65f',
    '#e68a38',
  ],
};

export const dark: Theme = {
  paper: '#14171c',
  panel: '#1c2027',
  ink: '#eceff3',
  soft: '#a5adb9',
  grid: '#2b313a',
  rule: '#454d59',
  accent: '#a9c9ff',
  good: '#4fd3ab',
  bad: '#ff8a8f',
  reference: '#7f8997',
  series: ['#a9c9ff', '#ea6440', '#35e0ae', '#b26cff', '#f0dc4c', '#cf5a96'],
  heat: [
    '#1a69ad',
    '#1b5a92',
    '#1c4a75',
    '#1e3b58',
    '#1f2d3d',
    '#22262d',
    '#362b1f',
    '#4f381d',
    '#6b4619',
    '#875413',
    '#9a5a08',
  ],
};

/**
 * Ratios of judged to plain probability at which the token background changes. 1 lies in the middle level. Close together
 * near 1: a token that was likely anyway cannot become much likelier, and most flagged tokens lie between 1.2 and 2.
 */
export const heatLevels: readonly number[] = [1 / 4, 1 / 2, 1 / 1.5, 1 / 1.25, 1 / 1.1, 1.1, 1.25, 1.5, 2, 4];

/** Index into `Theme.heat` for log(p judged / p plain) in nats. */
export const heatLevel = (logRatio: number): number =>
  heatLevels.filter((edge) => Math.exp(logRatio) >= edge).length;

export const fonts = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif";

/** A theme's colours as CSS custom properties, and a theme that refers to those. */
export function themeProperties(theme: Theme): string {
  return themeColours(theme)
    .map(([name, colour]) => `--${name}:${colour}`)
    .join(';');
}

export const themeByProperty: Theme = (() => {
  const property = (name: string): string => `var(--${name})`;
  const { series, heat, ...single } = light;
  return {
    ...(Object.fromEntries(Object.keys(single).map((name) => [name, property(name)])) as typeof single),
    series: series.map((_, i) => property(`series-${i}`)),
    heat: heat.map((_, i) => property(`heat-${i}`)),
  };
})();

function themeColours({ series, heat, ...single }: Theme): [name: string, colour: string][] {
  return [
    ...Object.entries(single),
    ...series.map((colour, i): [string, string] => [`series-${i}`, colour]),
    ...heat.map((colour, i): [string, string] => [`heat-${i}`, colour]),
  ];
}

/** Style rules for the classes that figures use. Every selector begins with `.figure`. */
export function figureRules(theme: Theme): string {
  const colours = [theme.reference, ...theme.series];
  return [
    `.figure text{fill:${theme.ink};font-family:${fonts};font-size:12px}`,
    `.figure .soft{fill:${theme.soft}}`,
    `.figure .heading{font-size:14px;font-weight:600}`,
    `.figure .number{font-variant-numeric:tabular-nums}`,
    `.figure .grid{stroke:${theme.grid};stroke-width:1}`,
    `.figure .axis{stroke:${theme.soft};stroke-width:1}`,
    `.figure .paper{fill:${theme.paper}}`,
    `.figure .casing{stroke:${theme.paper};stroke-width:3.4}`,
    `.figure .whisker{stroke:${theme.ink};stroke-width:1.3}`,
    `.figure .leader{stroke:${theme.rule};stroke-width:1}`,
    ...colours.map(
      (colour, i) =>
        `.figure .fill-${i}{fill:${colour}}` +
        `.figure .line-${i}{fill:none;stroke:${colour};stroke-width:1.9;stroke-linejoin:round;stroke-linecap:round}` +
        `.figure .band-${i}{fill:${colour};fill-opacity:.16}`,
    ),
    `.figure .faint{stroke-width:1;stroke-opacity:.32}`,
    `.figure .marker{stroke:${theme.paper};stroke-width:1}`,
  ].join('\n');
}
