// The page's own script: token details, filters, theme. The report can be read without it. It must not contain the
// text of a closing script tag, and takes nothing from the data but what the page already shows.

export const script: string = `'use strict';
(() => {
const root = document.documentElement;
root.classList.add('script');

// Theme: a button that goes against the system's choice and back.
const theme = document.getElementById('theme');
const system = matchMedia('(prefers-color-scheme: dark)');
const isDark = () => (root.dataset.theme ? root.dataset.theme === 'dark' : system.matches);
const nameTheme = () => { theme.textContent = isDark() ? 'Light theme' : 'Dark theme'; };
theme.addEventListener('click', () => { root.dataset.theme = isDark() ? 'light' : 'dark'; nameTheme(); });
system.addEventListener('change', nameTheme);
nameTheme();
theme.hidden = false;

// Tokens: each response is a list box with one tab stop; the numbers come from the table below it.
for (const box of document.querySelectorAll('.tokens')) {
  const tokens = [...box.querySelectorAll('.token')];
  if (tokens.length === 0) continue;
  const details = document.getElementById(box.id + '-details');
  const cells = [...details.querySelectorAll('dd')];
  const rows = box.parentElement.querySelectorAll('tbody tr');
  const place = new Map(tokens.map((token, i) => [token, i]));
  let current = -1;
  const show = (i) => cells.forEach((cell, c) => cell.replaceChildren(...[...rows[i].cells[c].childNodes].map((node) => node.cloneNode(true))));
  const choose = (i, focus) => {
    const before = tokens[current];
    if (before) { before.tabIndex = -1; before.setAttribute('aria-selected', 'false'); before.removeAttribute('aria-describedby'); }
    current = i;
    const token = tokens[i];
    token.tabIndex = 0;
    token.setAttribute('aria-selected', 'true');
    token.setAttribute('aria-describedby', details.id);
    show(i);
    if (focus) token.focus();
  };
  const nextFlagged = (from, step) => {
    for (let i = from + step; i >= 0 && i < tokens.length; i += step) if (tokens[i].classList.contains('flagged')) return i;
    return from;
  };
  const tokenOf = (event) => event.target.closest('.token');
  box.setAttribute('role', 'listbox');
  box.setAttribute('aria-orientation', 'horizontal');
  box.setAttribute('aria-label', box.dataset.name);
  for (const mark of box.querySelectorAll('.missing')) mark.setAttribute('aria-hidden', 'true');
  for (const token of tokens) { token.setAttribute('role', 'option'); token.setAttribute('aria-selected', 'false'); token.tabIndex = -1; }
  box.addEventListener('mouseover', (event) => { const token = tokenOf(event); if (token) show(place.get(token)); });
  box.addEventListener('mouseleave', () => show(current));
  box.addEventListener('click', (event) => { const token = tokenOf(event); if (token) choose(place.get(token), true); });
  box.addEventListener('focusin', (event) => { const token = tokenOf(event); if (token) choose(place.get(token), false); });
  box.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const forward = getComputedStyle(box).direction === 'rtl' ? -1 : 1;
    const to = {
      ArrowRight: () => current + forward, ArrowLeft: () => current - forward,
      ArrowDown: () => nextFlagged(current, 1), ArrowUp: () => nextFlagged(current, -1),
      Home: () => 0, End: () => tokens.length - 1,
    }[event.key];
    if (!to) return;
    event.preventDefault();
    choose(Math.min(tokens.length - 1, Math.max(0, to())), true);
  });
  details.hidden = false;
  choose(Math.max(0, nextFlagged(-1, 1)), false);
}

// Answers: filters, and a first screenful of what they leave.
const list = document.querySelector('.answers');
if (list) {
  const form = document.querySelector('.filters');
  const more = document.querySelector('.more');
  const status = form.querySelector('[role=status]');
  const items = [...list.children];
  const FIRST = 4;
  let all = false;
  const apply = () => {
    const outcome = form.elements.outcome ? form.elements.outcome.value : '';
    const family = form.elements.family ? form.elements.family.value : '';
    let matching = 0;
    for (const item of items) {
      const matches = (outcome === '' || item.dataset.outcome === outcome) && (family === '' || item.dataset.family === family);
      if (matches) matching++;
      item.hidden = !matches || (!all && matching > FIRST);
    }
    const shown = all ? matching : Math.min(matching, FIRST);
    status.textContent = 'Showing ' + shown + ' of ' + matching + (matching < items.length ? ' that match' : '') + '.';
    more.hidden = shown === matching;
    more.textContent = 'Show all ' + matching;
  };
  form.addEventListener('change', () => { all = false; apply(); });
  form.addEventListener('submit', (event) => event.preventDefault());
  more.addEventListener('click', () => {
    all = true;
    apply();
    const next = items.filter((item) => !item.hidden)[FIRST];
    if (next) { next.tabIndex = -1; next.focus(); }
  });
  form.hidden = false;
  apply();
}
})();
`;
