// What helps is told by the system's reason.
import { expect, it } from 'vitest';
import { unreadable } from './unreadable.ts';

const errorOf = (code: string): Error => Object.assign(new Error(`${code}: of the system`), { code });

it.each([
  ['ENOENT', /^m\/config\.json: is missing\n {2}Fetch it\.$/],
  ['ENOTDIR', /^m\/config\.json: cannot be read: part of the path is a file, not a folder\n {2}Fetch it\.$/],
  ['EISDIR', /cannot be read: a folder is there, not a file\n {2}Fetch it\./],
  ['EACCES', /cannot be read: permission denied\n {2}Give yourself the right/],
  ['EPERM', /cannot be read: this is not permitted\n {2}Give yourself the right/],
  ['ELOOP', /in a circle of symbolic links\n {2}Put the file in the place of the link/],
  ['EIO', /the disk or the device failed\n {2}The disk or the network drive/],
])('%s', (code, message) => {
  const error = unreadable('m/config.json', 'MODEL_CONFIG', errorOf(code), 'Fetch it.');
  expect(error.code).toBe('MODEL_CONFIG');
  expect(error.message).toMatch(message);
});

it('an error without a name keeps its own words', () => {
  expect(unreadable('f', 'X', new Error('gone wrong'), '').message).toMatch(/cannot be read: gone wrong/);
});
