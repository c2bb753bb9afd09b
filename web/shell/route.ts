// Where one is: the room and what stands behind it, from the address's hash.
import { signal } from '@preact/signals';

const read = (): readonly string[] =>
  location.hash
    .replace(/^#\/?/, '')
    .split('/')
    .filter((part) => part !== '')
    .map((part) => {
      try {
        return decodeURIComponent(part);
      } catch {
        return part;
      }
    });

/** Parts of the hash: "#/runs/first" is ["runs", "first"]. */
export const place = signal<readonly string[]>(read());
addEventListener('hashchange', () => (place.value = read()));

/** The address of a place, for links. */
export const linkTo = (...parts: readonly string[]): string =>
  `#/${parts.map((part) => encodeURIComponent(part)).join('/')}`;
