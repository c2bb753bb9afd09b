// The rooms, in the order of the navigation; each is loaded when it is entered first.
import type { ComponentType } from 'preact';

export interface RoomEntry {
  /** In the address: #/chat */
  readonly name: string;
  /** In the navigation and as the title. */
  readonly title: string;
  /** `path` is what stands in the address behind the room's name: #/runs/NAME gives ["NAME"]. */
  readonly load: () => Promise<ComponentType<{ readonly path: readonly string[] }>>;
}

export const rooms: readonly RoomEntry[] = [
  { name: 'chat', title: 'Chat', load: async () => (await import('./chat/chat.tsx')).Chat },
  { name: 'judge', title: 'Judge', load: async () => (await import('./judge/judge.tsx')).Judge },
  { name: 'runs', title: 'Runs', load: async () => (await import('./runs/runs.tsx')).Runs },
  { name: 'compare', title: 'Compare', load: async () => (await import('./compare/compare.tsx')).Compare },
  { name: 'data', title: 'Data', load: async () => (await import('./data/data.tsx')).Data },
];
