// The Runs room: what lies in the folder of runs, and a run's curves as they grow. Knows what the page may ask; the reading
// is runs/.
import { badRequest } from '../../serving/api-error.ts';
import { placeOfRun, readRuns } from '../runs/folder.ts';
import { followRun } from '../runs/follow.ts';
import type { FollowedRun } from '../runs/follow.ts';
import { json } from '../route.ts';
import type { Room } from '../route.ts';
import type { Studio } from '../studio.ts';
import { polled } from '../topics.ts';

const listMilliseconds = 2000;
const runMilliseconds = 1000;
/** Runs whose steps are kept in memory; a hundred thousand steps are some 10 MB. */
const keptRuns = 6;
const mostPoints = 4000;

export function openRuns({ runs: folder, signal }: Studio): Room {
  const followed = new Map<string, FollowedRun>();
  const follow = (name: string): FollowedRun => {
    const dir = placeOfRun(folder, name);
    const known = followed.get(dir) ?? followRun(dir, name);
    // The one that was asked for last is the last to go.
    followed.delete(dir);
    followed.set(dir, known);
    if (followed.size > keptRuns) followed.delete(followed.keys().next().value!);
    return known;
  };
  return {
    routes: [
      {
        method: 'GET',
        path: '/api/runs/curves',
        answer: async ({ query }) => {
          const from = stepIn(query, 'from');
          const to = stepIn(query, 'to');
          const points = stepIn(query, 'points');
          return json(
            await follow(query.get('run') ?? '').curves({
              ...(from !== null && { from }),
              ...(to !== null && { to }),
              ...(points !== null && { points: Math.min(mostPoints, Math.max(1, points)) }),
            }),
          );
        },
      },
    ],
    topics: {
      runs: polled(() => readRuns(folder), listMilliseconds, signal),
      run: polled(async (name) => follow(name).state(), runMilliseconds, signal),
    },
  };
}

function stepIn(query: URLSearchParams, name: string): number | null {
  const text = query.get(name);
  if (text === null) return null;
  const value = Number(text);
  if (Number.isFinite(value) && text.trim() !== '') return Math.round(value);
  throw badRequest(`Expected a number of steps as '${name}'.`, name);
}
