// whetstone push: a folder as a commit on the hub.
import { pushTable } from '../options/verbs/models.ts';
import { bytesInWords, plural } from '../words/numbers.ts';
import type { Given, Verb } from './flags.ts';
import type { VerbContext } from './screen.ts';
import { stoppable } from './signals.ts';

export const pushVerb: Verb<typeof pushTable> = {
  name: 'push',
  summary: 'Send an adapter or a model to the Hugging Face hub',
  about: `The folder's files become one commit of a model on the hub (HF_ENDPOINT names another). The
token is that of downloads: HF_TOKEN, or the token file. It is sent to the hub alone.

What is there already is not sent again, so that the same command goes on after a stop or a kill.
Files that are only there stay. A card (README.md) that somebody edited there is kept, unless the
folder's was edited as well.`,
  examples: [
    ['push ./run me/first --private', 'the adapter of a run, with its model card'],
    ['push ./merged me/first-merged --revision round-2', 'a merged model, on a branch'],
    ['push ./run me/first --dry_run', 'which files, and where to'],
  ],
  table: pushTable,
  required: () => ['folder', 'repository'],
  together: () => [],
};

export async function runPush({ values }: Given<typeof pushTable>, { screen }: VerbContext): Promise<number> {
  const { push, rehearsePush } = await import('../hub/index.ts');
  const { isUntouched } = await import('../run-report/index.ts');
  const { adapterFolder, isRun } = await import('../runs/adapter-folder.ts');
  const { revision, message, repository: id } = values;
  const folder = (await isRun(values.folder)) ? await adapterFolder(values.folder) : values.folder;
  const request = {
    ...{ folder, id, revision, message, private: values.private },
    // An edited card is somebody's word: here it is what is to be said, there it stays.
    mayReplaceCard: (there: string, here: string) => isUntouched(there) || !isUntouched(here),
  };
  if (values.dryRun) {
    const { words, files, leftOut } = await rehearsePush(request);
    const lines = files.map(({ name, size }) => `  ${name}, ${bytesInWords(size)}`);
    screen.result('plan', { files, left_out: leftOut }, [words, ...lines].join('\n'));
    return 0;
  }
  return stoppable(
    async (signal) => {
      const pushed = await push(request, {
        signal,
        onProgress: (file, done, total) =>
          screen.progress({ what: 'sent', done, total, unit: 'bytes', details: [file] }),
      }).finally(() => screen.endProgress());
      const { url, commit, files, sentBytes, unchanged, leftOut } = pushed;
      const words = [
        commit === null
          ? `everything is there already: ${url}`
          : `${plural(files.length, 'file')} (${bytesInWords(sentBytes)} of large ones sent) in commit ${commit}: ${url}`,
        ...(leftOut.length > 0 ? [`left out: ${leftOut.join(', ')}`] : []),
      ];
      screen.result(
        'pushed',
        { url, commit, files, sent_bytes: sentBytes, unchanged, left_out: leftOut },
        words.join('\n'),
      );
    },
    (name) =>
      screen.aside(
        'stopping',
        `${name}: stopping. The same command goes on; what is there is not sent again.`,
      ),
  );
}
