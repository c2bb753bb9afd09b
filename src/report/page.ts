// The whole report: one HTML file that needs no network, no script to be read, and nothing but its data.
import { createHash } from 'node:crypto';
import { answersSection } from './answers.ts';
import { drawBars } from './bar-figure.ts';
import { curvesSection } from './curves.ts';
import type { ReportData, ReportFigure } from './data.ts';
import { familiesSection } from './families.ts';
import { headlineSection } from './headline.ts';
import { heatMapSection } from './heat-map.ts';
import { drawLines } from './line-figure.ts';
import { markup, markupText, trusted } from './markup.ts';
import type { Section } from './parts.ts';
import { FIGURE_WIDTH, bothWidths } from './parts.ts';
import { runSection } from './run-section.ts';
import { script } from './script.ts';
import { style } from './style.ts';
import { useSection } from './use.ts';

// Not written inside a tagged template: bundlers rewrite those that hold a closing script tag.
const scriptElement = trusted('<script>' + script + '</script>');

/**
 * Writes the report of a run as one HTML document (UTF-8). The same data give the same bytes. A section without
 * data is absent. The document forbids itself, by its content security policy, to load anything or to run any
 * script but its own.
 */
export function renderReport(data: ReportData): string {
  const sections = [
    headlineSection(data.headline),
    familiesSection(data),
    ...(data.figures ?? []).map(figureSection),
    heatMapSection(data.heatMaps, data.flaggedWords),
    answersSection(data.answers, data.answersNote),
    curvesSection(data.curves),
    runSection(data),
    useSection(data.use),
  ].filter((section): section is Section => section !== null);
  const hash = createHash('sha256').update(script).digest('base64');
  const policy = `default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-${hash}'; img-src data:; base-uri 'none'; form-action 'none'`;
  return markupText(markup`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${data.title}</title>
<link rel="icon" href="data:,">
<style>${trusted(style)}</style>
</head>
<body>
<a class="skip" href="#main">Skip to the results</a>
<header><h1 dir="auto">${data.title}</h1><button type="button" id="theme" hidden></button>${data.summary && markup`<p class="summary" dir="auto">${data.summary}</p>`}<p class="note">${data.date}</p>${data.notes && data.notes.length > 0 && markup`<ul class="notes">${data.notes.map((text) => markup`<li dir="auto">${text}</li>`)}</ul>`}</header>
<div class="columns">
${
  sections.length > 1 &&
  markup`<nav aria-label="Sections"><ul>${sections.map(({ id, title }) => markup`<li><a href="#${id}">${title}</a></li>`)}</ul></nav>`
}
<main id="main" tabindex="-1">
${sections.map(
  ({ id, title, body }) => markup`<section aria-labelledby="${id}"><h2 id="${id}">${title}</h2>
${body}
</section>
`,
)}</main>
</div>
${scriptElement}
</body>
</html>
`);
}

function figureSection(shown: ReportFigure, index: number): Section {
  const body = markup`<figure>${bothWidths(
    (width) =>
      shown.kind === 'bars'
        ? drawBars({ ...shown.figure, width }, { standalone: false })
        : drawLines({ ...shown.figure, width, height: width < 480 ? 280 : 360 }, { standalone: false }),
    FIGURE_WIDTH,
  )}${shown.caption && markup`<figcaption dir="auto">${shown.caption}</figcaption>`}</figure>`;
  return { id: `figure-${index + 1}`, title: shown.heading, body };
}
