// The report's style sheet. Colours are custom properties, set for light, dark and print.
import { baseStyle } from './base-style.ts';

export const style: string = `${baseStyle}
header{display:grid;grid-template-columns:minmax(0,1fr) auto;gap:0 1rem;align-items:start;max-width:82rem;margin:0 auto;padding:2rem 1rem 1.25rem}
header>p{grid-column:1/-1}
.summary{max-width:46rem;margin-top:.5rem;font-size:1.0625rem}
header .note{margin-top:.375rem}
.columns{max-width:82rem;margin:0 auto;padding:0 1rem 4rem}
nav{border-block:1px solid var(--grid);padding:.5rem 0}
nav ul{display:flex;flex-wrap:wrap;gap:.125rem 1.25rem;list-style:none}
nav a{display:inline-block;padding:.25rem 0;font-size:.875rem;text-decoration:none;color:var(--soft)}
nav a:hover{color:var(--accent);text-decoration:underline}
main>section{padding:2rem 0 .25rem}
main>section+section{border-top:1px solid var(--grid);margin-top:2rem}
main>section>p{max-width:46rem;margin-bottom:.75rem}
@media (min-width:75rem){
.columns{display:grid;grid-template-columns:11rem minmax(0,1fr);gap:3rem}
nav{border:0;border-top:1px solid var(--grid);padding:2.1rem 0 0}
nav ul{position:sticky;top:1.5rem;display:block}
main{border-top:1px solid var(--grid)}
}

.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,8.5rem),1fr));gap:1.25rem 2rem;margin-bottom:.75rem}
.tiles dt{font-size:.8125rem;color:var(--soft)}
.tiles .value{font-size:2.25rem;line-height:1.15;font-weight:600;letter-spacing:-.02em;font-variant-numeric:tabular-nums}
.tiles .strong .value{color:var(--accent)}
.tiles.small{grid-template-columns:repeat(auto-fill,minmax(9rem,1fr));gap:.75rem 2rem;margin-top:1.25rem}
.tiles.small .value{font-size:1.125rem;line-height:1.4;letter-spacing:0}

.figure{display:block;max-width:100%;height:auto}
.wide{display:none}
@media (min-width:40rem){.wide{display:block}.narrow{display:none}}
figcaption{margin:.5rem 0 0;max-width:46rem}
.panels{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,20.5rem),1fr));gap:1.5rem 2rem;margin-bottom:1rem;max-width:760px}
.panels h3{margin-bottom:.5rem}

.spelling{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace;white-space:pre-wrap;overflow-wrap:anywhere}

.legend{display:flex;flex-wrap:wrap;align-items:flex-start;gap:1rem 2.5rem;margin:0 0 1rem}
.scale{display:grid;grid-template-columns:repeat(11,1fr);width:min(100%,27rem);padding-bottom:1.25rem}
.scale span{position:relative;height:1rem}
.scale i{white-space:nowrap;position:absolute;right:0;top:1.125rem;transform:translateX(50%);font-size:.6875rem;font-style:normal;color:var(--soft);font-variant-numeric:tabular-nums}
.marks{list-style:none;font-size:.8125rem;display:flex;flex-wrap:wrap;gap:.5rem 1.5rem}
.marks li{line-height:1.75rem}
.example{padding:1rem 0;border-top:1px solid var(--grid);break-inside:avoid}
.example h3{margin-bottom:.375rem}
.pair{display:grid;grid-template-columns:minmax(0,1fr);gap:.75rem 2rem}
.pair>*{min-width:0}
@media (min-width:48rem){.pair{grid-template-columns:minmax(0,5fr) minmax(0,8fr)}.pair.even{grid-template-columns:repeat(2,minmax(0,1fr))}}

.filters{display:flex;flex-wrap:wrap;align-items:flex-end;gap:.75rem 2rem;margin-bottom:1rem}
.filters fieldset{display:flex;flex-wrap:wrap;gap:.375rem}
.filters legend,.filters>label{font-size:.8125rem;color:var(--soft)}
.filters legend{margin-bottom:.25rem}
.filters>label{display:grid;grid-template-columns:minmax(0,1fr);gap:.25rem;max-width:100%}
.filters select{max-width:100%}
.filters input{position:absolute;opacity:0;width:1px;height:1px}
.filters fieldset label{position:relative}
.filters fieldset span{display:block;font-size:.875rem;line-height:1.25rem;padding:.4375rem .75rem;border:1px solid var(--rule);border-radius:4px;cursor:pointer}
.filters fieldset b{font-weight:400;color:var(--soft);font-variant-numeric:tabular-nums}
.filters input:checked+span{background:var(--ink);border-color:var(--ink);color:var(--paper)}
.filters input:checked+span b{color:inherit}
.filters input:focus-visible+span{outline:2px solid var(--accent);outline-offset:2px}
.answers{list-style:none;margin-bottom:1rem}
.answers>li{padding:1rem 0 .5rem;border-top:1px solid var(--grid);break-inside:avoid}
.outcome{font-size:.8125rem;font-weight:600;padding:.0625rem .5rem;border:1px solid currentColor;border-radius:999px;margin-inline-start:.375rem;white-space:nowrap}
.fixed,.still-right,.good{color:var(--good)}
.broke,.still-wrong,.bad{color:var(--bad)}
.verdict{font-weight:600;margin-inline-start:.25rem}
.answer .error{text-underline-offset:.2em}

.run{display:grid;gap:1.5rem 3rem;grid-template-columns:minmax(0,1fr)}
@media (min-width:60rem){.run{grid-template-columns:repeat(2,minmax(0,1fr))}}
.notes{grid-column:1/-1;margin-top:.5rem;padding-inline-start:1.125rem;max-width:46rem;font-size:.875rem;color:var(--soft)}
.words{list-style:none;display:flex;flex-wrap:wrap;gap:.375rem .5rem;margin-bottom:.375rem}
.words li{padding:.125rem .625rem;border:1px solid var(--rule);border-radius:999px;font-size:.875rem}
.words b{font-weight:400;color:var(--soft);font-variant-numeric:tabular-nums}
.words+.note{margin-bottom:1rem}
.tiles .change .value{font-size:1.375rem;letter-spacing:-.01em;white-space:nowrap}
.tiles:has(.change){grid-template-columns:repeat(auto-fit,minmax(min(100%,12rem),1fr))}
.use{margin-top:.25rem;border-top:1px solid var(--grid);padding:.25rem 0 .5rem;max-width:60rem}
.use summary{font-size:1rem}
.use p{margin-bottom:.5rem}
.use h4{margin-top:.625rem}
.run h3{margin:0 0 .25rem}
.run>div>*+h3{margin-top:1.25rem}
.keys th{color:var(--soft);width:40%;padding-inline-start:0}
.keys tbody tr:first-child>*{border-top:0}

@media (prefers-reduced-motion:no-preference){html{scroll-behavior:smooth}}
@media (forced-colors:active){.ink{forced-color-adjust:none;color:var(--ink)}}
@media print{
body{font-size:10pt}
.ink,.scale span{-webkit-print-color-adjust:exact;print-color-adjust:exact}
nav,.skip,#theme,.filters,.more,.needs-script,details:not([open]){display:none!important}
.tokens,.scroll{max-height:none;overflow:visible}
.columns{display:block}
h2,h3{break-after:avoid}
figure{break-inside:avoid}
}
`;
