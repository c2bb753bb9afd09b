// Hostile Jinja templates.
import fc from 'fast-check';
import { expect } from 'vitest';
import { compileTemplate, fromJson } from '../../src/jinja/index.ts';
import type { Value } from '../../src/jinja/index.ts';
import { fuzz } from './fuzz.ts';

const values: Record<string, Value> = { m: fromJson([{ a: 'x', n: 1 }, { a: 'yy' }]), t: 'text', n: 3 };

const words =
  '{{ }} {% %} {%- -%} {# #} m t n x .a [0] [:1] ( ) , [ ] { } : | = == + - * ** / // % ~ < in not is if else ' +
  'for endfor endif set endset macro endmacro call filter with raw endraw loop "a" \'%s\' 1 2.5 none true and or ' +
  'trim tojson join list map defined range \\ \u001b[2J';
const piece = fc.constantFrom(...words.split(' '), ' ', '\n');
const loose = fc.array(piece, { maxLength: 40 }).map((pieces) => pieces.join(' '));
const tag = fc.array(piece, { maxLength: 8 }).map((pieces) => `{{ ${pieces.join(' ')} }}`);

fuzz('Jinja templates', {
  inputs: fc.oneof(loose, tag, fc.string({ unit: 'binary', maxLength: 60 })),
  runs: 1500,
  readOneIn: 30,
  read: (source) => expect(typeof compileTemplate(source)(values)).toBe('string'),
});
