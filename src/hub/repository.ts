// What a request names: a repository of models or data sets, a revision, files. Refuses whatever could not be a name
// there, since names become paths.
import { WhetstoneError } from '../errors.ts';

export type HubKind = 'model' | 'dataset';

export interface Repository {
  readonly kind: HubKind;
  /** `ORG/NAME`, or `NAME` for the few repositories without an owner. */
  readonly id: string;
  /** A branch, a tag or a commit. */
  readonly revision: string;
}

/** Throws WhetstoneError `HUB_NAME` for an id or a revision that cannot be one. */
export function checkRepository({ kind, id, revision }: Repository): void {
  if (!/^(?:[\w.-]+\/)?[\w.-]+$/.test(id) || /--|\.\.|^[.-]|\/[.-]|[.-]$|\.git$/.test(id)) {
    throw new WhetstoneError('HUB_NAME', `${JSON.stringify(id)} is not the id of a ${words[kind]}`, {
      hint: 'Ids on the hub read ORG/NAME, of letters, digits, "-", "_" and ".".',
    });
  }
  if (!isSafePath(revision) || /[\s\\]/.test(revision)) {
    throw new WhetstoneError('HUB_NAME', `${JSON.stringify(revision)} is not a revision`, {
      hint: 'Give a branch, a tag or the full hash of a commit.',
    });
  }
}

/** For sentences. */
export const words: Readonly<Record<HubKind, string>> = { model: 'model', dataset: 'data set' };

export const isCommit = (revision: string): boolean => /^[0-9a-f]{40}$/.test(revision);

/** Whether a name stays inside the folder that it is joined to, on every platform. */
export function isSafePath(name: string): boolean {
  const parts = name.split('/');
  return (
    parts.every((part) => part !== '' && part !== '.' && part !== '..') &&
    !/[\\:\p{Cc}\p{Surrogate}]/u.test(name)
  );
}

/**
 * Whether a path fits one of the patterns: `*` stands for any text within a folder's name, `**` for any text at all,
 * `?` for one character.
 */
export function fits(path: string, patterns: readonly string[]): boolean {
  return patterns.some((pattern) => toExpression(pattern).test(path));
}

function toExpression(pattern: string): RegExp {
  const source = pattern.replace(/\*\*\/|\*\*|[*?]|[^*?]+/g, (part) => {
    if (part === '**/') return '(?:.*/)?';
    if (part === '**') return '.*';
    if (part === '*') return '[^/]*';
    return part === '?' ? '[^/]' : part.replace(/[\\^$.|+()[\]{}]/g, '\\$&');
  });
  return new RegExp(`^${source}$`, 's');
}
