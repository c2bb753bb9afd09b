import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { outcomeOf } from './answers.ts';
import { runningMean } from './curves.ts';
import type { JudgedAnswer, ReportData } from './data.ts';
import { tokenMarkup } from './heat-map.ts';
import { markupText } from './markup.ts';
import { renderReport } from './page.ts';
import { flatten } from './run-section.ts';
import { hostileReport, sampleReport, sampleSteps, sampleTokens } from './sample.test-helper.ts';
import { markedText } from './spans.ts';

const sections = (html: string): string[] => [...html.matchAll(/<h2 id="([\w-]+)">/g)].map(([, id]) => id!);
const textOf = (html: string): string => html.replace(/<style>.*?<\/style>|<script>.*?<\/script>/gs, '').replace(/<[^>]*>/g, ' ').replace(/\s+/g, ' '); // prettier-ignore

describe('renderReport', () => {
  it('has a section for what the data hold, in order', () => {
    expect(sections(renderReport(sampleReport))).toEqual([
      'result',
      'families',
      'tokens',
      'answers',
      'training',
      'run',
    ]);
  });

  it('has none for what they lack, nor for empty lists', () => {
    const bare: ReportData = { title: 'A run', date: 'today' };
    expect(sections(renderReport(bare))).toEqual([]);
    const empty = { ...bare, headline: {}, families: [], curves: [{ name: 'a', steps: [] }], heatMaps: [], answers: [], settings: {}, provenance: {} }; // prettier-ignore
    expect(sections(renderReport(empty))).toEqual([]);
    const align = { ...bare, curves: sampleReport.curves!, settings: sampleReport.settings! };
    expect(sections(renderReport(align))).toEqual(['training', 'run']);
    expect(renderReport(bare)).not.toContain('<nav');
  });

  it('says what the data say', () => {
    const text = textOf(renderReport(sampleReport));
    for (const said of ['31.5%', '85.2%', '+53.7', '189 of 600', '7.2 s', 'Seed 11', 'objective.lambda 1.2', 'gate_proj, up_proj, down_proj', 'v20.20.2', '2025-03-01 14:05 UTC', 'rumoured fact', '24 fixed, 4 still wrong, 4 broke, 8 still right'])
      expect(text).toContain(said);
    expect(text).not.toContain('resume');
  }); // prettier-ignore

  it('is the same bytes for the same data, also after JSON', () => {
    const html = renderReport(sampleReport);
    expect(renderReport(sampleReport)).toBe(html);
    expect(renderReport(JSON.parse(JSON.stringify(sampleReport)) as ReportData)).toBe(html);
  });

  it('escapes whatever the data hold', () => {
    const html = renderReport(hostileReport);
    expect(html.match(/<script/g)).toHaveLength(1);
    expect(html.match(/<\/style>/g)).toHaveLength(1);
    expect(html).not.toMatch(/<img|NaN|undefined|\[object/);
    expect(html).not.toContain('\0');
  });

  it('loads nothing and allows its own script alone', () => {
    const html = renderReport(sampleReport);
    expect(html.replaceAll('http://www.w3.org/2000/svg', '')).not.toMatch(/https?:|@import|url\(/);
    const script = /<script>(.*?)<\/script>/s.exec(html)![1]!;
    const hash = createHash('sha256').update(script).digest('base64');
    expect(html).toContain(`script-src &#39;sha256-${hash}&#39;`);
  });

  it('has headings in order, ids once and every reference answered', () => {
    const html = renderReport(sampleReport);
    const levels = [...html.matchAll(/<h(\d)/g)].map(([, level]) => Number(level));
    expect(levels[0]).toBe(1);
    levels.slice(1).forEach((level, i) => expect(level - levels[i]!).toBeLessThanOrEqual(1));
    const ids = [...html.matchAll(/ id="([^"]+)"/g)].map(([, id]) => id!);
    expect(new Set(ids).size).toBe(ids.length);
    for (const [, id] of html.matchAll(/(?:href="#|labelledby=")([^"]+)"/g)) expect(ids).toContain(id);
  });

  it('draws given figures', () => {
    const html = renderReport({
      title: 't',
      date: 'd',
      figures: [
        { heading: 'Methods', kind: 'bars', figure: { title: 'm', value: { label: 'v' }, series: [{ name: 's' }], groups: [{ name: 'CUT', values: [{ value: 2 }] }] } },
        { heading: 'Data', kind: 'lines', caption: 'By data.', figure: { title: 'd', x: { label: 'x' }, y: { label: 'y' }, series: [] } },
      ],
    }); // prettier-ignore
    expect(sections(html)).toEqual(['figure-1', 'figure-2']);
    expect(html.match(/<svg/g)).toHaveLength(4);
  });
});

describe('token heat maps', () => {
  const map = {
    instruction: 'x',
    judgment: 'j',
    response: 'The cat sat',
    tokens: sampleTokens('The cat sat', [1]),
  };
  const shown = (part: object): string => markupText(tokenMarkup({ ...map, ...part }));

  it('show every character of the response once', () => {
    for (const { response, tokens } of [map, ...hostileReport.heatMaps!.slice(0, 2)]) {
      const html = shown({ response, tokens: tokens.filter(({ start, end }) => end > start) });
      const text = html.replace(/<span class="break".*?<\/span>/g, '').replace(/<[^>]*>/g, '').replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&quot;', '"').replaceAll('&#39;', "'").replaceAll('&amp;', '&');
      expect(text).toBe(response);
    }
  }); // prettier-ignore

  it('mark flagged tokens and errors in their own ways', () => {
    expect(shown({ errors: [{ start: 4, end: 9 }] })).toMatch(
      /<span class="token flagged"> <span class="ink level-\d+"><span class="error">cat<\/span><\/span><\/span><span class="token"><span class="error"> <\/span><span class="ink level-\d+"><span class="error">s<\/span>at<\/span><\/span>/,
    );
  });

  it('show what is missing at the end before the end token', () => {
    expect(shown({ errors: [{ start: 11, end: 11 }] })).toMatch(
      /<span class="missing"[^>]*><\/span><span class="token[^>]*empty"><span class="ink level-\d+">&lt;\/s&gt;/,
    );
  });

  it('show characters outside all tokens', () => {
    expect(shown({ tokens: [{ text: 'cat', start: 4, end: 7, plain: -1, flagged: false }] })).toBe(
      'The <span class="token"><span class="ink level-5">cat</span></span> sat',
    );
  });

  it.each([
    ['a word behind a space', ' cat', /^ <span class="ink[^>]*>cat<\/span>$/],
    ['a word behind line breaks and tabs', '\n\n\tcat', /^(<span class="break"[^>]*>↵<\/span>\n){2}\t<span class="ink[^>]*>cat<\/span>$/],
    ['a word before a line break', 'cat\n', /^<span class="ink[^>]*>cat<\/span><span class="break"[^>]*>↵<\/span>\n$/],
    ['an ideographic space', '\u3000猫', /^\u3000<span class="ink[^>]*>猫<\/span>$/],
    ['spaces alone', '   ', /^<span class="ink[^>]*><span class="break" aria-hidden="true">␣<\/span><\/span> {3}$/],
    ['line breaks alone', '\n\n', /^<span class="ink[^>]*><span class="break" aria-hidden="true">↵<\/span><\/span>\n\n$/],
  ])('paint nothing on white space at which a line may break: %s', (_, text, painted) => {
    const tokens = [{ text, start: 0, end: Array.from(text).length, plain: -1, judged: -0.1, flagged: true }];
    const [, inside] = /^<span class="token flagged">(.*)<\/span>$/s.exec(shown({ response: text, tokens }))!;
    expect(inside).toMatch(painted);
  }); // prettier-ignore
});

describe('pieces', () => {
  it('tell what became of an answer', () => {
    const answer = (satisfactory: boolean | null): JudgedAnswer => ({ text: '', satisfactory });
    const became = (before: boolean | null, after: boolean | null): string | null =>
      outcomeOf({ instruction: '', before: answer(before), after: answer(after) });
    expect([became(false, true), became(false, false), became(true, false), became(true, true), became(null, true)]).toEqual(['fixed', 'still-wrong', 'broke', 'still-right', null]);
  }); // prettier-ignore

  it('underline code points, not code units', () => {
    expect(markupText(markedText('😀ab', [{ start: 1, end: 2 }]))).toBe('😀<span class="error">a</span>b');
  });

  it('average over neighbours and leave gaps', () => {
    const points = [1, 2, null, 4, 5].map((y, x) => ({ x, y }));
    expect(runningMean(points, 3).map(({ y }) => y)).toEqual([1.5, 1.5, null, 4.5, 4.5]);
  });

  it('flatten settings', () => {
    expect(flatten({ a: { b: 1, c: [] }, d: [true, 'x'], e: [{ f: 1 }], g: null })).toEqual([['a.b', '1'], ['a.c', ''], ['d', 'true, x'], ['e', '[{"f":1}]']]);
  }); // prettier-ignore

  it('sample the table of a long run', () => {
    const html = renderReport({ title: 't', date: 'd', curves: [{ name: 'a', steps: sampleSteps(5000) }] });
    expect(html.length).toBeLessThan(200_000);
    expect(html).toContain('Steps, one in 125');
    expect(html).toContain('<th scope="row">5000</th>');
  });
});
