// The style rules that every page of ours begins with: colours for light and dark as custom properties, plain elements,
// buttons, tables, figures, texts and their tokens. Knows no page.
import { dark, figureRules, fonts, light, themeByProperty, themeProperties } from './palette.ts';

const heat = light.heat.map((_, i) => `.level-${i}{background:var(--heat-${i})}`).join('\n');

export const baseStyle: string = `
:root{color-scheme:light;${themeProperties(light)}}
@media (prefers-color-scheme:dark){:root{color-scheme:dark;${themeProperties(dark)}}}
:root[data-theme=light]{color-scheme:light;${themeProperties(light)}}
:root[data-theme=dark]{color-scheme:dark;${themeProperties(dark)}}
@media print{:root,:root[data-theme]{color-scheme:light;${themeProperties(light)}}}

*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%;text-size-adjust:100%}
body{margin:0;background:var(--paper);color:var(--ink);font:15px/1.5 ${fonts};overflow-wrap:anywhere}
h1,h2,h3,h4,p,dl,dd,ul,ol,figure,fieldset{margin:0;padding:0;border:0}
h1{font-size:1.75rem;line-height:1.2;font-weight:650;letter-spacing:-.012em;text-wrap:balance}
h2{font-size:1.25rem;line-height:1.3;font-weight:650;letter-spacing:-.006em;margin-bottom:.75rem;scroll-margin-top:1rem}
h3{font-size:.9375rem;font-weight:600}
h4{font-size:.8125rem;font-weight:600;color:var(--soft)}
a{color:var(--accent);text-underline-offset:.15em}
:focus-visible{outline:2px solid var(--accent);outline-offset:2px}
main:focus,li:focus{outline:none}
code,pre{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace;font-size:.8125rem}
pre{margin:.25rem 0 0;padding:.625rem .75rem;background:var(--panel);border-radius:4px;white-space:pre-wrap}
[hidden]{display:none!important}
.note,figcaption{font-size:.8125rem;color:var(--soft)}
.unseen{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}
.skip{position:absolute;left:-999rem;top:.5rem;padding:.5rem .75rem;background:var(--paper)}
.skip:focus{left:.5rem;z-index:1}
:root:not(.script) .needs-script{display:none}

button,select{font:inherit;font-size:.875rem;color:var(--ink);background:var(--paper);border:1px solid var(--rule);border-radius:4px;padding:.375rem .75rem;min-height:2.25rem}
button{cursor:pointer;white-space:nowrap}
button:hover{background:var(--panel)}
.text{white-space:pre-wrap;margin-bottom:.5rem;unicode-bidi:isolate;max-width:46rem}
.judgment{border-inline-start:3px solid var(--rule);padding-inline-start:.75rem;color:var(--soft)}
.tokens{white-space:pre-wrap;unicode-bidi:isolate;font-size:1.0625rem;line-height:2.1;max-height:32rem;overflow:auto;padding:0 3px 8px}
.token{scroll-margin:2rem}
.ink{padding:.26em 0 .16em;box-shadow:inset 1px 0 var(--paper);border-radius:2px}
.script .tokens .token{cursor:pointer}
.flagged .ink{font-weight:650;box-shadow:inset 0 0 0 2px var(--ink);padding-inline:3px;margin-inline:3px;-webkit-box-decoration-break:clone;box-decoration-break:clone}
.empty{font-size:.8125em;unicode-bidi:isolate;direction:ltr}
.empty .ink{padding-inline:4px;margin-inline-start:3px}
.error{text-decoration:underline;text-decoration-color:var(--bad);text-decoration-style:wavy;text-decoration-thickness:2px;text-underline-offset:.5em;text-decoration-skip-ink:none}
.missing{display:inline-block;width:.9em;height:1.1em;margin-inline:3px;vertical-align:-.2em;border:2px dashed var(--bad);border-radius:2px}
.break{font-size:.8em}
.token:focus{outline:none}
.token[aria-selected=true] .ink{outline:2px solid var(--accent);outline-offset:1px}
.token:focus-visible .ink{outline-width:3px}
.details{display:flex;flex-wrap:wrap;gap:.125rem 1.25rem;padding:.375rem .75rem;margin-top:.25rem;background:var(--panel);border-radius:4px;font-size:.8125rem}
.details>div{display:flex;gap:.375rem}
.details dt{color:var(--soft)}
.details dd{font-weight:600;font-variant-numeric:tabular-nums;max-height:4.5em;overflow:auto}
details{margin-top:.75rem}
summary{cursor:pointer;width:fit-content;font-size:.875rem;color:var(--accent);padding:.25rem 0}
.scroll{overflow:auto;max-height:28rem;border:1px solid var(--grid);border-radius:4px;margin-top:.375rem;overflow-wrap:normal}
table{border-collapse:collapse;font-size:.8125rem;line-height:1.4;font-variant-numeric:tabular-nums;width:100%}
caption{text-align:start;padding:.5rem .75rem;color:var(--soft)}
th,td{padding:.25rem .75rem;text-align:start;vertical-align:baseline;border-top:1px solid var(--grid);font-weight:400}
thead th{color:var(--soft);font-weight:600;background:var(--panel);position:sticky;top:0}
${heat}
${figureRules(themeByProperty)}
`;
