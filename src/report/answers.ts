// Answers before and after side by side, with verdicts and critiques, filtered by family and by what became of them.
import type { AnswerPair, JudgedAnswer } from './data.ts';
import type { Markup } from './markup.ts';
import { markup } from './markup.ts';
import type { Section } from './parts.ts';
import { joined } from './parts.ts';
import { markedText } from './spans.ts';

export const outcomes = {
  fixed: 'fixed',
  'still-wrong': 'still wrong',
  broke: 'broke',
  'still-right': 'still right',
} as const;
export type Outcome = keyof typeof outcomes;

/** What became of an answer; null if one of the two was not judged. */
export function outcomeOf({ before, after }: AnswerPair): Outcome | null {
  if (before.satisfactory === null || after.satisfactory === null) return null;
  if (before.satisfactory) return after.satisfactory ? 'still-right' : 'broke';
  return after.satisfactory ? 'fixed' : 'still-wrong';
}

export function answersSection(answers: readonly AnswerPair[] = [], note?: string): Section | null {
  if (answers.length === 0) return null;
  const families = [...new Set(answers.flatMap(({ family }) => family ?? []))];
  const found = answers.map(outcomeOf);
  const present = (Object.keys(outcomes) as Outcome[]).filter((outcome) => found.includes(outcome));
  const counts = present.map(
    (outcome) => `${found.filter((one) => one === outcome).length} ${outcomes[outcome]}`,
  );
  const filters = markup`<form class="filters" hidden>${
    present.length > 0 &&
    markup`<fieldset><legend>Outcome</legend>${[
      choice('', 'all', answers.length),
      ...present.map((outcome) =>
        choice(outcome, outcomes[outcome], found.filter((one) => one === outcome).length),
      ),
    ]}</fieldset>`
  }${
    families.length > 0 &&
    markup`<label>Family <select name="family"><option value="">all</option>${families.map((family) => markup`<option>${family}</option>`)}</select></label>`
  }<p role="status" class="note"></p></form>`;
  const body = markup`${note && markup`<p dir="auto">${note}</p>`}${counts.length > 0 && markup`<p>Of the ${answers.length} instructions shown: ${counts.join(', ')}.</p>`}${filters}<ol class="answers">${answers.map(
    (pair, i) => pairItem(pair, i, found[i]!),
  )}</ol><button type="button" class="more" hidden>Show all</button>`;
  return { id: 'answers', title: 'Answers before and after', body };
}

const choice = (value: string, label: string, count: number): Markup =>
  markup`<label><input type="radio" name="outcome" value="${value}"${value === '' && markup` checked`}><span>${label} <b>${count}</b></span></label>`;

function pairItem(pair: AnswerPair, index: number, outcome: Outcome | null): Markup {
  const { family, instruction, before, after } = pair;
  return markup`<li data-family="${family ?? ''}" data-outcome="${outcome ?? ''}"><h3>${joined(`Instruction ${index + 1}`, family)}${outcome && markup` <span class="outcome ${outcome}">${outcomes[outcome]}</span>`}</h3><p class="text" dir="auto">${instruction}</p><div class="pair even">${answer('Before', before)}${answer('After', after)}</div></li>
`;
}

function answer(name: string, { text, satisfactory, judgment, errors }: JudgedAnswer): Markup {
  const verdict =
    satisfactory === null
      ? null
      : satisfactory
        ? markup`<span class="verdict good"><span aria-hidden="true">✓</span> satisfactory</span>`
        : markup`<span class="verdict bad"><span aria-hidden="true">✗</span> unsatisfactory</span>`;
  return markup`<div class="answer"><h4>${name} ${verdict}</h4><p class="text" dir="auto">${text === '' ? markup`<i>empty</i>` : markedText(text, errors)}</p>${judgment && markup`<p class="text judgment" dir="auto">${judgment}</p>`}</div>`;
}
