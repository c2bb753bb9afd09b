// A judge model on this machine as a judge. Knows that each row is asked once; models are asked elsewhere.
import { inParallel } from '../../durable/pool.ts';
import { usageOf } from '../answers.ts';
import { outcomeOfReply } from './decision.ts';
import { whileWanted } from '../../durable/wanted.ts';
import { stoppedBy } from '../judge.ts';
import type { Judge } from '../judge.ts';
import type { JudgeSettings } from '../settings.ts';
import { note } from '../../words/note.ts';
import { doubtOf } from './agreement.ts';
import { openJudgeModel } from './judge-model.ts';
import type { JudgeModelSettings } from './judge-model.ts';

/** More than an engine runs at once, so that it always has something to go on with. */
export const rowsUnderWay = 64;

/**
 * Opens the judge that `whetstone train-judge` left in the folder `run`. It writes a judgment and then "Yes." or "No."
 * for whether the response is perfect, which decides. Replies without such an ending, and rows that the model cannot
 * read, are unscored. A judge that its test found no better than a guess, or that was not tested, is told of in a note.
 * Throws what `openJudgeModel` throws; judging throws what the engine throws, and WhetstoneError `NOT_ENOUGH_MEMORY` before
 * any request is judged.
 */
export async function openLocalJudge(
  run: string,
  settings: JudgeModelSettings & Pick<JudgeSettings, 'onNote'>,
): Promise<Judge> {
  const doubt = await doubtOf(run);
  const model = await openJudgeModel(run, settings);
  if (doubt !== null) settings.onNote(note('JUDGE_UNTRUSTED', doubt));
  let calls = 0;
  let inputTokens = 0;
  let outputTokens = 0;
  return {
    name: `the judge model in ${run}`,
    fingerprint: model.fingerprint,
    judge: (requests, { onOutcome, signal }) =>
      whileWanted(onOutcome, async (hand) => {
        await model.requireMemory(requests);
        await inParallel(
          requests,
          rowsUnderWay,
          async (request, stop) => {
            calls++;
            const reply = await model.reply(request, stop);
            inputTokens += reply.promptTokens;
            outputTokens += reply.tokens;
            await hand(
              'text' in reply
                ? outcomeOfReply(request.id, reply.text, model.words)
                : { id: request.id, unscored: reply.impossible },
            );
          },
          { signal },
        );
      }).catch(stoppedBy(signal)),
    usage: () => ({ ...usageOf(calls), inputTokens, outputTokens }),
    memory: (promptTokens) => model.memory(promptTokens),
    close: () => model.close(),
  };
}
