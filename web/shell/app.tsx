// The frame around the rooms: navigation, theme, what is said when the studio does not answer.
import { signal } from '@preact/signals';
import type { ComponentType } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import type { Session } from '../../src/studio/api/session.ts';
import { rooms } from '../rooms/rooms.ts';
import { connected, getJson } from './api.ts';
import { Problem } from './problem.tsx';
import { linkTo, place } from './route.ts';
import { ThemeButton } from './theme.tsx';

export const session = signal<Session | null>(null);

export function App() {
  const [problem, setProblem] = useState<unknown>(null);
  useEffect(() => {
    getJson<Session>('/api/session').then((found) => (session.value = found), setProblem);
  }, []);
  const [name, ...path] = place.value;
  const room = rooms.find((each) => each.name === name) ?? rooms[0]!;
  return (
    <>
      <a class="skip" href="#main" onClick={skip}>
        Skip to the room
      </a>
      <header class="bar">
        <span class="brand">Whetstone</span>
        <nav aria-label="Rooms">
          <ul>
            {rooms.map((each) => (
              <li key={each.name}>
                <a href={linkTo(each.name)} aria-current={each === room ? 'page' : undefined}>
                  {each.title}
                </a>
              </li>
            ))}
          </ul>
        </nav>
        <ThemeButton />
      </header>
      {!connected.value && (
        <p class="banner" role="status">
          The studio does not answer. Trying again; nothing that was judged is lost.
        </p>
      )}
      <main id="main" tabIndex={-1}>
        <Problem error={problem} />
        <Entered key={room.name} load={room.load} title={room.title} path={path} />
      </main>
      <footer class="foot">{session.value && <Reach {...session.value} />}</footer>
    </>
  );
}

function skip(event: Event): void {
  event.preventDefault();
  document.getElementById('main')!.focus();
}

/** Who reaches the page, and how others could. */
function Reach({ local, version }: Session) {
  return (
    <p class="note">
      Whetstone {version}.{' '}
      {local ? (
        <>
          Only this machine reaches this page. For other people's browsers start it with <code>--host</code>{' '}
          and an API key (<code>--api_key_env</code>).
        </>
      ) : (
        'Others who have the API key reach this page too; they see and judge the same conversations.'
      )}
    </p>
  );
}

interface EnteredProps {
  readonly load: () => Promise<ComponentType<{ readonly path: readonly string[] }>>;
  readonly title: string;
  readonly path: readonly string[];
}

function Entered({ load, title, path }: EnteredProps) {
  const [Room, setRoom] = useState<ComponentType<{ readonly path: readonly string[] }> | null>(null);
  const [problem, setProblem] = useState<unknown>(null);
  useEffect(() => {
    document.title = `${title} · Whetstone studio`;
    load().then((found) => setRoom(() => found), setProblem);
  }, [load, title]);
  if (problem !== null) return <Problem error={problem} />;
  return Room === null ? null : <Room path={path} />;
}
