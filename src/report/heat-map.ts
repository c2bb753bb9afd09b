// Token heat maps: which tokens of a response become likelier or less likely once the judgment is read, which are
// flagged, and where the response is known to be wrong. Colour is never the only sign.
import type { ErrorSpan, FlaggedWords, HeatToken, TokenHeatMap } from './data.ts';
import { NONE, fixed, percent, probability, ratio } from './format.ts';
import type { Markup } from './markup.ts';
import { markup } from './markup.ts';
import { heatLevel, heatLevels } from './palette.ts';
import type { Section } from './parts.ts';
import { dataTable, folded, joined } from './parts.ts';
import { gap, markText, markedRange, missingAtEnd } from './spans.ts';
import type { MarkedText } from './spans.ts';

/** Responses that are shown at once; the others are folded away. */
const SHOWN = 3;

export function heatMapSection(
  heatMaps: readonly TokenHeatMap[] = [],
  flaggedWords?: FlaggedWords,
): Section | null {
  if (heatMaps.length === 0) return null;
  const lambdas = [...new Set(heatMaps.map(({ lambda }) => lambda))];
  const one = lambdas.length === 1 ? lambdas[0] : undefined;
  const errors = heatMaps.flatMap((map) => map.errors ?? []);
  const shown = heatMaps.map((map, i) => example(map, i, one === undefined));
  const rest = shown.slice(SHOWN);
  const body = markup`${flaggedWords && wordList(flaggedWords)}${heatLegend(
    one,
    errors.length > 0,
    errors.some(({ start, end }) => start >= end),
  )}${shown.slice(0, SHOWN)}${rest.length > 0 && folded(`${rest.length} more ${rest.length === 1 ? 'response' : 'responses'}`, markup`${rest}`)}`;
  return { id: 'tokens', title: 'What the judgments are about', body };
}

function heatLegend(lambda: number | undefined, errors: boolean, missing: boolean): Markup {
  const edges = heatLevels.map((edge) => (edge < 1 ? `÷${short(1 / edge)}` : `×${short(edge)}`));
  const cells = Array.from(
    { length: heatLevels.length + 1 },
    (_, i) => markup`<span class="level-${i}">${edges[i] && markup`<i>${edges[i]}</i>`}</span>`,
  );
  const sample = heatLevel(Math.log(Math.max(1.4, lambda ?? 0)));
  return markup`<p>Each response is shown token by token. The background is the ratio of a token’s probability with the judgment in the prompt to its probability without: it compares what the model expects in two situations, and says nothing of grammar. What the judgment makes likelier is what it is about, and what training makes less likely.${errors && ' The wavy underline is another thing: where the judge knows the response to be wrong. A word may be underlined in a sentence that reads well, because it is wrong as an answer to this instruction.'}</p>
<div class="legend"><div class="scale" role="img" aria-label="Colour scale: from blue, where the judgment makes a token at least 4 times less likely, over grey, where it changes it by less than a tenth, to orange, where it makes it at least 4 times likelier.">${cells}</div>
<ul class="marks"><li><span class="token flagged"><span class="ink level-${sample}">token</span></span> flagged: the ratio exceeds λ${lambda !== undefined && ` = ${lambda}`}</li>${errors && markup`<li><span class="token"><span class="ink"><span class="error">token</span></span></span> known to be wrong</li>`}${missing && markup`<li>${gap} something is missing here</li>`}</ul></div>
<p class="note needs-script">Point at a token or tap it for its numbers; with the keyboard, Tab to a response, then ← → for the next token and ↑ ↓ for the next flagged one.</p>`;
}

const wordList = ({ words, note }: FlaggedWords): Markup =>
  markup`<ol class="words" aria-label="Words that were flagged most">${words.map(
    ({ text, count }) => markup`<li><bdi>${text}</bdi> <b>${count}</b></li>`,
  )}</ol><p class="note">${note}</p>`;

const short = (factor: number): string => String(Number(factor.toFixed(2)));

const columns = ['Token', 'p without judgment', 'p with judgment', 'Ratio', 'Log ratio, nats', 'Flagged'];

function example(map: TokenHeatMap, index: number, ownLambda: boolean): Markup {
  const { family, instruction, judgment, tokens, errors } = map;
  const [id, number] = [`tokens-${index + 1}`, index + 1];
  const flagged = tokens.filter((token) => token.flagged).length;
  const head = errors ? [...columns, 'Known to be wrong'] : columns;
  const counts = `${flagged} of ${tokens.length} tokens flagged`;
  return markup`<article class="example"><h3>${joined(`Response ${number}`, family)}</h3>
<div class="pair"><div>${labelled('Instruction', instruction)}${labelled('Judgment', judgment ?? 'none: satisfactory', 'judgment')}<p class="note">${joined(counts, flagged > 0 && tokens.length > 0 ? percent(flagged / tokens.length) : null, ownLambda && map.lambda !== undefined ? `λ = ${map.lambda}` : null)}</p></div>
<div><h4>Response</h4><p class="tokens" id="${id}" data-name="Tokens of response ${number}" dir="auto">${tokenMarkup(map)}</p>
<dl class="details" id="${id}-details" hidden>${head.map((name) => markup`<div><dt>${name}</dt><dd></dd></div>`)}</dl>
${folded(
  `All ${tokens.length} tokens as a table`,
  dataTable(`Tokens of response ${number}`, head, tokenRows(map)),
)}</div></div></article>`;
}

const labelled = (label: string, text: string, kind = ''): Markup =>
  markup`<h4>${label}</h4><p class="text ${kind}" dir="auto">${text}</p>`;

/** The response as one element a token; characters between tokens stand between the elements. */
export function tokenMarkup({ response, tokens, errors }: TokenHeatMap): Markup {
  const marked = markText(response, errors);
  let done = 0;
  let ended = false;
  const pieces = tokens.map((token) => {
    // Tokens that are bytes of one character share its offsets: the first shows it, the others their spelling.
    const start = Math.min(marked.points.length, Math.max(token.start, done));
    const end = Math.min(marked.points.length, Math.max(token.end, start));
    const between = start > done && markedRange(marked, done, start);
    // What is missing at the end is missing before the end token.
    const atEnd = end === start && start === marked.points.length && !ended && missingAtEnd(marked);
    if (atEnd) ended = true;
    done = end;
    return markup`${between}${atEnd}<span class="token${token.flagged && ' flagged'}${end <= start && ' empty'}">${painted(marked, token, start, end)}</span>`;
  });
  return markup`${pieces}${markedRange(marked, done, marked.points.length)}${!ended && missingAtEnd(marked)}`;
}

/**
 * A token with its colour and its box. White space at its ends stays outside of these, since a line may break there and
 * would leave half an empty box on the line before; of a token that is nothing else a sign is painted.
 */
function painted(marked: MarkedText, token: HeatToken, start: number, end: number): Markup {
  const ink = (content: Markup | string): Markup =>
    markup`<span class="ink level-${levelOf(token)}">${content}</span>`;
  if (end <= start) return ink(spelled(token.text));
  const isSpace = (at: number): boolean => /\s/u.test(marked.points[at]!);
  let [from, to] = [start, end];
  while (from < to && isSpace(from)) from++;
  while (to > from && isSpace(to - 1)) to--;
  if (from < to)
    return markup`${markedRange(marked, start, from)}${ink(markedRange(marked, from, to))}${markedRange(marked, to, end)}`;
  const space = marked.points.slice(start, end).join('');
  const sign = markup`<span class="break" aria-hidden="true">${space.includes('\n') ? '↵' : '␣'}</span>`;
  return markup`${ink(marked.wrong[start] ? markup`<span class="error">${sign}</span>` : sign)}${space}`;
}

/** A token without characters of its own. */
const spelled = (text: string): string => (text === '' ? '∅' : text);

const logRatio = ({ plain, judged }: HeatToken): number | null =>
  typeof plain === 'number' && typeof judged === 'number' && Number.isFinite(judged - plain)
    ? judged - plain
    : null;

const levelOf = (token: HeatToken): number => heatLevel(logRatio(token) ?? 0);

function tokenRows({ response, tokens, errors }: TokenHeatMap): (string | Markup)[][] {
  const points = Array.from(response);
  return tokens.map((token) => {
    const change = logRatio(token);
    const own = points.slice(token.start, token.end).join('');
    const kinds = errors
      ?.filter((error) => concerns(error, token))
      .map(({ kind, start, end }) => kind ?? (end > start ? 'wrong' : 'missing'));
    return [
      markup`<bdi class="spelling">${visibleSpace(own === '' ? spelled(token.text) : own)}</bdi>`,
      probability(token.plain),
      probability(token.judged),
      change === null ? NONE : `×${ratio(change)}`,
      change === null ? NONE : (change > 0 ? '+' : '') + fixed(change, 2),
      token.flagged ? 'yes' : 'no',
      ...(kinds ? [kinds.length > 0 ? kinds.join(', ') : 'no'] : []),
    ];
  });
}

/** An error that is a missing piece concerns the token that stands where the piece should. */
const concerns = (error: ErrorSpan, { start, end }: HeatToken): boolean =>
  error.end > error.start
    ? start < error.end && end > error.start
    : start <= error.start && (error.start < end || start === end) && error.start <= end;

const visibleSpace = (text: string): string =>
  text.replaceAll(' ', '␣').replaceAll('\n', '↵').replaceAll('\t', '⇥');
