import { describe, expect, it } from 'vitest';
import { readServerError } from './server-error.ts';

describe('readServerError', () => {
  it.each([
    ['{"error":{"message":"No.","type":"t","code":"c"}}', { words: 'No.', code: 'c t' }],
    ['{"error":"No."}', { words: 'No.', code: '' }],
    ['{"message":"No.","code":403}', { words: 'No.', code: '403' }],
    ['{"detail":"No."}', { words: 'No.', code: '' }],
    ['{"detail":[{"msg":"No."}]}', { words: '{"detail":[{"msg":"No."}]}', code: '' }],
    ['<html><style>x{}</style><body>Bad\u001b[2J\n gateway</body>', { words: 'Bad [2J gateway', code: '' }],
    ['', null],
  ])('%j', (body, expected) => {
    expect(readServerError(body)).toEqual(expected);
  });

  it('is short', () => {
    expect(readServerError('long '.repeat(1000))!.words.length).toBeLessThanOrEqual(301);
  });
});
