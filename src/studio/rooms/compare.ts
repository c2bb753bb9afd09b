// The Compare room: two models or adapters on the same prompts, and votes. Knows what the page may ask; the work is
// compare/.
import { badRequest } from '../../serving/api-error.ts';
import { booleanField, textField } from '../../serving/fields.ts';
import type { Fields } from '../../rows/fields.ts';
import { conversationText } from '../../rows/conversation.ts';
import { readInstructions } from '../../generation/instructions.ts';
import type { Vote } from '../api/compare.ts';
import { openComparison } from '../compare/comparison.ts';
import { events, json } from '../route.ts';
import type { Room } from '../route.ts';
import type { Studio } from '../studio.ts';
import { polled } from '../topics.ts';

/** Runs and versions appear by themselves. */
const lookMilliseconds = 3000;

/** Throws as `readInstructions`. */
export async function openCompare(studio: Studio): Promise<Room> {
  const prompts = studio.prompts === null ? [] : await readInstructions(studio.prompts);
  const look = { now: (): void => undefined };
  const comparison = openComparison(studio, prompts.map(conversationText), () => look.now());
  return {
    routes: [
      {
        method: 'POST',
        path: '/api/compare/pairs',
        answer: ({ fields, signal }) => {
          const asked = {
            ...{ first: required(fields, 'first'), second: required(fields, 'second') },
            ...{ prompt: required(fields, 'prompt'), blind: booleanField(fields, 'blind') },
          };
          return events((send) => comparison.ask(asked, send, signal));
        },
      },
      {
        method: 'POST',
        path: '/api/compare/votes',
        answer: async ({ fields }) => {
          const vote = required(fields, 'vote');
          if (vote !== 'A' && vote !== 'B' && vote !== 'alike')
            throw badRequest("Expected A, B or alike as 'vote'.", 'vote');
          await comparison.vote(required(fields, 'pair'), vote satisfies Vote);
          return json({});
        },
      },
      {
        method: 'POST',
        path: '/api/compare/undo',
        answer: async () => {
          await comparison.undo();
          return json({});
        },
      },
    ],
    topics: { compare: polled(() => comparison.state(), lookMilliseconds, studio.signal, look) },
    close: () => comparison.close(),
  };
}

function required(fields: Fields, name: string): string {
  const text = textField(fields, name);
  if (text === null || text.trim() === '') throw badRequest(`'${name}' must not be empty.`, name);
  return text;
}
