// A folder as a commit of a model on the hub: the repository and the branch are made where they are not there, large contents
// go to the hub's store (git LFS: batch, one or many parts, verify), and one commit names them all. What is there already is not
// sent again, so that the same call goes on after a kill. Knows no model.
import { readFile } from 'node:fs/promises';
import { inParallel } from '../durable/pool.ts';
import { WhetstoneError } from '../errors.ts';
import { isFields } from '../rows/fields.ts';
import { plural } from '../words/numbers.ts';
import type { HashedFile } from './local-files.ts';
import { hashFile, localFiles } from './local-files.ts';
import { checkRepository } from './repository.ts';
import type { Call, Told } from './sending.ts';
import { call, putContent } from './sending.ts';
import type { HubSettings } from './settings.ts';
import { hubSettings } from './settings.ts';

export interface PushRequest {
  readonly folder: string;
  /** `OWNER/NAME`. */
  readonly id: string;
  /** Branch, made from the main one where it is not there; default "main". */
  readonly revision?: string;
  /** A repository that is made is private; one that is there and public is refused. */
  readonly private?: boolean;
  /** Subject of the commit. */
  readonly message?: string;
  /** Whether the hub's own README.md may be replaced by the folder's; asked only where they differ. */
  readonly mayReplaceCard?: (there: string, here: string) => boolean;
}

export interface PushOptions {
  readonly settings?: HubSettings;
  readonly onProgress?: (file: string, sent: number, total: number) => void;
  readonly signal?: AbortSignal;
}

export interface Pushed {
  /** Page of the repository. */
  readonly url: string;
  /** Null where everything was there. */
  readonly commit: string | null;
  /** Names in the commit. */
  readonly files: readonly string[];
  /** Bytes sent beside the commit itself. */
  readonly sentBytes: number;
  /** Files that were there, in this content. */
  readonly unchanged: readonly string[];
  /** Hidden files, those that the repository ignores, and a card that somebody edited there. */
  readonly leftOut: readonly string[];
}

/**
 * Pushes a folder. Throws WhetstoneError `HUB_NAME`, `HUB_OFFLINE`, `HUB_ACCESS` (no token, or one that may not write),
 * `HUB_NOT_FOUND`, `HUB_CONFLICT` (the branch changed meanwhile), `HUB_QUOTA`, `HUB_PUBLIC` (private was asked of what is public),
 * `HUB_UNREACHABLE`, `HUB_ANSWER`, `FILE_NOT_FOUND`, `FILE_CHANGED`; and the signal's reason.
 */
export async function push(request: PushRequest, options: PushOptions = {}): Promise<Pushed> {
  const { id, revision = 'main', message = 'Upload with whetstone' } = request;
  const { signal } = options;
  const settings = options.settings ?? (await hubSettings());
  requireSendable(request, settings);
  const { files: found, leftOut } = await localFiles(request.folder);
  const files: HashedFile[] = [];
  for (const file of found) files.push(await hashFile(file, signal));

  const ask = (asked: Call): Promise<Told> => call(settings, { ...asked, signal });
  const head = await prepareRepository(request, ask, settings);
  const modes = await uploadModes(id, revision, files, ask);
  const own = await cardToKeep(request, files, modes, head, settings, ask);
  const wanted = files.filter(({ name }) => !modes.get(name)!.ignored && name !== own);
  const isThere = (file: HashedFile): boolean =>
    modes.get(file.name)!.oid === (modes.get(file.name)!.large ? file.sha256 : file.sha1);
  const changed = wanted.filter((file) => !isThere(file));
  const left = [...leftOut, ...files.filter((file) => !wanted.includes(file)).map(({ name }) => name)];
  const url = `${settings.endpoint}/${id}`;
  const unchanged = wanted.filter(isThere).map(({ name }) => name);
  if (changed.length === 0) return { url, commit: null, files: [], sentBytes: 0, unchanged, leftOut: left };

  const large = changed.filter(({ name }) => modes.get(name)!.large);
  const sentBytes = await sendLarge(settings, id, revision, large, ask, options);
  const lines = [
    { key: 'header', value: { summary: message, description: '', parentCommit: head } } as object,
  ];
  for (const file of changed) lines.push(await lineOf(file, modes.get(file.name)!.large));
  const told = await ask({
    path: `/api/models/${id}/commit/${encodeURIComponent(revision)}`,
    lines: lines.map((line) => `${JSON.stringify(line)}\n`).join(''),
    headers: { 'content-type': 'application/x-ndjson' },
    attempts: 1, // whose answer is lost may have been done
  });
  if (told.status === 409 || told.status === 412)
    throw new WhetstoneError('HUB_CONFLICT', `${revision} of ${id} was changed while this was being sent`, {
      hint: 'See what it is, then give the same command again: what was sent is not sent again.',
    });
  requireDone(told, id, 'commit');
  const commit = told.fields['commitOid'];
  return {
    ...{ url, commit: typeof commit === 'string' ? commit : '', sentBytes, unchanged, leftOut: left },
    files: changed.map(({ name }) => name),
  };
}

function requireSendable({ id, revision = 'main' }: PushRequest, settings: HubSettings): void {
  checkRepository({ kind: 'model', id, revision });
  if (!id.includes('/'))
    throw new WhetstoneError('HUB_NAME', `"${id}" does not say whose it is to be: OWNER/NAME`);
  if (settings.offline)
    throw new WhetstoneError('HUB_OFFLINE', 'HF_HUB_OFFLINE is set, so nothing is sent to the hub');
  if (settings.token === null)
    throw new WhetstoneError('HUB_ACCESS', `there is no token to write to ${settings.endpoint} with`, {
      hint: 'Set HF_TOKEN to one with the right to write, or let HF_TOKEN_PATH name a file with it.',
    });
}

/** The commit that the branch stands at; makes repository and branch where they are not there. */
async function prepareRepository(
  { id, revision = 'main', private: hidden = false }: PushRequest,
  ask: (asked: Call) => Promise<Told>,
  settings: HubSettings,
): Promise<string> {
  const [organization, name] = id.split('/');
  const about = (at: string): Promise<Told> =>
    ask({ path: `/api/models/${id}/revision/${encodeURIComponent(at)}`, method: 'GET' });
  const made = await ask({
    path: '/api/repos/create',
    json: { name, organization, type: 'model', ...(hidden && { visibility: 'private' }) },
  });
  // Who may not make repositories may still be allowed to write to this one.
  const first = made.status < 400 || made.status === 409 || (await about('main')).status < 400;
  if (!first) requireDone(made, id, 'make the repository');
  let there = await about(revision);
  if (there.status === 404 && revision !== 'main') {
    const branch = await ask({ path: `/api/models/${id}/branch/${encodeURIComponent(revision)}`, json: {} });
    if (branch.status !== 409) requireDone(branch, id, `make the branch ${revision}`);
    there = await about(revision);
  }
  requireDone(there, id, 'look at it');
  if (hidden && there.fields['private'] === false)
    throw new WhetstoneError('HUB_PUBLIC', `${id} is public, and was to be private; nothing was sent`, {
      hint: `Make it private at ${settings.endpoint}/${id}/settings, or push without asking for that.`,
    });
  const { sha } = there.fields;
  if (typeof sha === 'string') return sha;
  throw badAnswer('which commit the branch is at');
}

interface Mode {
  readonly large: boolean;
  readonly ignored: boolean;
  /** Name of the content that is there; null for none. */
  readonly oid: string | null;
}

const filesAtOnce = 256;

async function uploadModes(
  id: string,
  revision: string,
  files: readonly HashedFile[],
  ask: (asked: Call) => Promise<Told>,
): Promise<Map<string, Mode>> {
  const modes = new Map<string, Mode>();
  for (let at = 0; at < files.length; at += filesAtOnce) {
    const some = files.slice(at, at + filesAtOnce);
    const told = await ask({
      path: `/api/models/${id}/preupload/${encodeURIComponent(revision)}`,
      json: {
        files: some.map(({ name, size, sample }) => ({
          path: name,
          size,
          sample: sample.toString('base64'),
        })),
      },
    });
    requireDone(told, id, 'ask how files are sent');
    for (const each of Array.isArray(told.fields['files']) ? told.fields['files'] : [])
      if (isFields(each) && typeof each['path'] === 'string')
        modes.set(each['path'], {
          large: each['uploadMode'] === 'lfs',
          ignored: each['shouldIgnore'] === true,
          oid: typeof each['oid'] === 'string' ? each['oid'] : null,
        });
  }
  const missing = files.find(({ name }) => !modes.has(name));
  if (missing) throw badAnswer(`how ${missing.name} is sent`);
  // The store takes no empty contents.
  for (const { name, size } of files) if (size === 0) modes.set(name, { ...modes.get(name)!, large: false });
  return modes;
}

/** "README.md" where the hub's is to stay. */
async function cardToKeep(
  { id, mayReplaceCard }: PushRequest,
  files: readonly HashedFile[],
  modes: ReadonlyMap<string, Mode>,
  head: string,
  settings: HubSettings,
  ask: (asked: Call) => Promise<Told>,
): Promise<string | null> {
  const name = 'README.md';
  const card = files.find((file) => file.name === name);
  const oid = modes.get(name)?.oid ?? null;
  if (mayReplaceCard === undefined || card === undefined || oid === null || oid === card.sha1) return null;
  const there = await ask({ path: `/${id}/resolve/${head}/${name}`, method: 'GET' });
  requireDone(there, id, 'read its card');
  return mayReplaceCard(there.text, await readFile(card.path, 'utf8')) ? null : name;
}

const atOnce = 4;

interface Upload {
  readonly file: HashedFile;
  readonly action: Readonly<Record<string, unknown>>;
  readonly verify: unknown;
}

/** Returns how many bytes were sent. */
async function sendLarge(
  settings: HubSettings,
  id: string,
  revision: string,
  files: readonly HashedFile[],
  ask: (asked: Call) => Promise<Told>,
  { onProgress, signal }: PushOptions,
): Promise<number> {
  const distinct = [...new Map(files.map((file) => [file.sha256, file])).values()];
  const missing: Upload[] = [];
  for (let at = 0; at < distinct.length; at += filesAtOnce)
    missing.push(...(await askBatch(id, revision, distinct.slice(at, at + filesAtOnce), ask)));
  const total = missing.reduce((sum, { file }) => sum + file.size, 0);
  const out = new Map<string, number>();
  const report = ({ name }: HashedFile, sent: number): void => {
    out.set(name, sent);
    onProgress?.(
      name,
      [...out.values()].reduce((sum, each) => sum + each, 0),
      total,
    );
  };
  await inParallel(
    missing,
    atOnce,
    async ({ file, action, verify }, stop) => {
      await sendOne(settings, { file, action, verify }, (sent) => report(file, sent), stop, ask, id);
    },
    { signal },
  );
  return total;
}

async function askBatch(
  id: string,
  revision: string,
  files: readonly HashedFile[],
  ask: (asked: Call) => Promise<Told>,
): Promise<Upload[]> {
  const type = 'application/vnd.git-lfs+json';
  const told = await ask({
    path: `/${id}.git/info/lfs/objects/batch`,
    headers: { accept: type, 'content-type': type },
    json: {
      operation: 'upload',
      transfers: ['basic', 'multipart'],
      hash_algo: 'sha256',
      ref: { name: revision },
      objects: files.map(({ sha256: oid, size }) => ({ oid, size })),
    },
  });
  requireDone(told, id, 'ask where large files go');
  const objects = Array.isArray(told.fields['objects']) ? told.fields['objects'].filter(isFields) : [];
  return files.flatMap((file) => {
    const found = objects.find(({ oid }) => oid === file.sha256);
    if (found === undefined) throw badAnswer(`where ${file.name} goes`);
    const { error, actions } = found;
    if (isFields(error))
      requireDone(
        {
          status: Number(error['code']) || 400,
          fields: {},
          said: typeof error['message'] === 'string' ? error['message'] : '',
          text: '',
        },
        id,
        `take ${file.name}`,
      );
    if (!isFields(actions) || actions['upload'] === undefined) return [];
    if (!isFields(actions['upload'])) throw badAnswer(`where ${file.name} goes`);
    return [{ file, action: actions['upload'], verify: actions['verify'] }];
  });
}

async function sendOne(
  settings: HubSettings,
  { file, action, verify }: Upload,
  onBytes: (sent: number) => void,
  signal: AbortSignal,
  ask: (asked: Call) => Promise<Told>,
  id: string,
): Promise<void> {
  const href = addressOf(action, file);
  const header = isFields(action['header']) ? action['header'] : {};
  const texts = Object.fromEntries(
    Object.entries(header).filter((entry): entry is [string, string] => typeof entry[1] === 'string'),
  );
  if (texts['chunk_size'] === undefined) {
    await putContent(settings, {
      url: href,
      headers: texts,
      file: file.path,
      from: 0,
      to: file.size,
      onBytes,
      signal,
    });
  } else {
    const chunk = Number(texts['chunk_size']);
    const places = Object.keys(texts)
      .filter((key) => /^\d+$/.test(key))
      .sort((a, b) => Number(a) - Number(b));
    if (!(chunk > 0) || places.length !== Math.ceil(file.size / chunk))
      throw badAnswer(`where the parts of ${file.name} go`);
    const parts: { partNumber: number; etag: string }[] = [];
    for (const [i, place] of places.entries()) {
      const from = i * chunk;
      const to = Math.min(file.size, from + chunk);
      const etag = await putContent(settings, {
        ...{ url: addressOf({ href: texts[place] }, file), file: file.path, from, to, signal },
        onBytes: (sent) => onBytes(from + sent),
      });
      if (etag === '') throw badAnswer(`the name of part ${i + 1} of ${file.name}`);
      parts.push({ partNumber: i + 1, etag });
    }
    const type = 'application/vnd.git-lfs+json';
    requireDone(
      await ask({
        path: href,
        headers: { accept: type, 'content-type': type },
        json: { oid: file.sha256, parts },
      }),
      id,
      `join the parts of ${file.name}`,
    );
  }
  if (isFields(verify))
    requireDone(
      await ask({ path: addressOf(verify, file), json: { oid: file.sha256, size: file.size } }),
      id,
      `check ${file.name}`,
    );
}

function addressOf({ href }: Readonly<Record<string, unknown>>, { name }: HashedFile): string {
  if (typeof href === 'string' && URL.canParse(href) && /^https?:/.test(href)) return href;
  throw badAnswer(`an address for ${name}`);
}

async function lineOf(
  { name: path, sha256: oid, size, path: file }: HashedFile,
  large: boolean,
): Promise<object> {
  if (large) return { key: 'lfsFile', value: { path, algo: 'sha256', oid, size } };
  const content = await readFile(file, 'base64');
  return { key: 'file', value: { content, path, encoding: 'base64' } };
}

const badAnswer = (what: string): WhetstoneError =>
  new WhetstoneError('HUB_ANSWER', `the hub does not say ${what}`, {
    hint: 'Check HF_ENDPOINT; it has to name a hub, or a server that takes uploads as one does.',
  });

/** Throws what a refusal means. */
function requireDone({ status, said }: Told, id: string, what: string): void {
  if (status < 400) return;
  const words = said === '' ? '' : `: ${said}`;
  const again = 'The same command again sends only what is not there yet.';
  if (status === 401 || (status === 403 && !/storage|quota|limit/i.test(said)))
    throw new WhetstoneError('HUB_ACCESS', `the token may not ${what} at ${id} (HTTP ${status})${words}`, {
      hint: 'The token in use (HF_TOKEN or the token file) has to be valid, with the right to write to that owner.',
    });
  if (status === 402 || status === 403 || status === 413 || status === 507)
    throw new WhetstoneError(
      'HUB_QUOTA',
      `the hub has no room to ${what} at ${id} (HTTP ${status})${words}`,
      {
        hint: `Free some, or ask for more, in the owner's settings. ${again}`,
      },
    );
  if (status === 404)
    throw new WhetstoneError('HUB_NOT_FOUND', `the hub finds no ${id}, to ${what} (HTTP 404)${words}`, {
      hint: 'Check the owner’s spelling; what is private shows itself to its own tokens alone.',
    });
  throw new WhetstoneError('HUB_ANSWER', `the hub refused to ${what} at ${id} (HTTP ${status})${words}`, {
    hint: again,
  });
}

/** What a push would send, without asking anyone. Throws as `push`. */
export async function rehearsePush(
  request: PushRequest,
  given?: HubSettings,
): Promise<{
  readonly files: readonly { readonly name: string; readonly size: number }[];
  readonly leftOut: readonly string[];
  readonly words: string;
}> {
  const settings = given ?? (await hubSettings());
  requireSendable(request, settings);
  const { files, leftOut } = await localFiles(request.folder);
  const bytes = files.reduce((sum, { size }) => sum + size, 0);
  const where = `${settings.endpoint}/${request.id}, ${request.revision ?? 'main'}${request.private ? ', private' : ''}`;
  return {
    files: files.map(({ name, size }) => ({ name, size })),
    leftOut,
    words: `${plural(files.length, 'file')}, ${(bytes / 1e6).toFixed(1)} MB, to ${where}`,
  };
}
