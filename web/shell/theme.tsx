// Light or dark: the system's choice until somebody chooses the other.
import { computed, signal } from '@preact/signals';

const system = matchMedia('(prefers-color-scheme: dark)');
const systemIsDark = signal(system.matches);
system.addEventListener('change', () => (systemIsDark.value = system.matches));

const key = 'whetstone-theme';
const chosen = signal<string | null>(stored());

export const isDark = computed(() => (chosen.value === null ? systemIsDark.value : chosen.value === 'dark'));

chosen.subscribe((theme) => {
  if (theme !== null) document.documentElement.dataset['theme'] = theme;
});

function stored(): string | null {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}

export function ThemeButton() {
  const other = isDark.value ? 'light' : 'dark';
  const choose = (): void => {
    chosen.value = other;
    try {
      localStorage.setItem(key, other);
    } catch {
      // It holds until the page is closed.
    }
  };
  return (
    <button
      type="button"
      class="theme"
      onClick={choose}
      aria-label={`${other === 'dark' ? 'Dark' : 'Light'} theme`}
    >
      <span aria-hidden="true">{isDark.value ? '☀' : '☾'}</span>
    </button>
  );
}
