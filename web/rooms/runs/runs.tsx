// The Runs room: all runs of the folder, or one of them, or one over another. Knows which by the address.
import { List } from './list.tsx';
import { Run } from './run.tsx';
import './runs.css';

export function Runs({ path }: { readonly path: readonly string[] }) {
  const [name, over] = path;
  return name === undefined ? <List /> : <Run key={name} name={name} over={over ?? null} />;
}
