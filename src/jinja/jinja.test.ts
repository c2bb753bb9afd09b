// What jinja2 has no word on: bounds, and lines of errors.
import { describe, expect, it } from 'vitest';
import { WhetstoneError } from '../errors.ts';
import { compileTemplate, fromJson } from './index.ts';
import type { Value } from './index.ts';

const values: Record<string, Value> = { m: fromJson([{ a: 'x', n: 1 }, { a: 'yy' }]), t: 'text', n: 3 };
/** Milliseconds that this process has computed; the clock would count what else the machine does. */
const busy = (): number => process.cpuUsage().user / 1000;

const render = (source: string): string => compileTemplate(source)(values);
const failure = (source: string): WhetstoneError => {
  try {
    render(source);
  } catch (error) {
    if (error instanceof WhetstoneError) return error;
    throw error;
  }
  return expect.fail(`${source} renders`);
};

describe('a template that does too much is stopped', () => {
  it.each([
    [
      'loops in loops',
      '{% for a in range(9999) %}{% for b in range(9999) %}{% for c in range(9999) %}{% endfor %}{% endfor %}{% endfor %}',
    ],
    [
      'a text that doubles',
      '{% set s = namespace(t="x") %}{% for i in range(99) %}{% set s.t = s.t + s.t %}{% endfor %}{{ s.t }}',
    ],
    ['a text repeated', '{{ "a" * 1000000000 }}'],
    ['a list repeated', '{{ [0] * 1000000000 }}'],
    [
      'a list that doubles',
      '{% set s = namespace(t=[1]) %}{% for i in range(99) %}{% set s.t = s.t + s.t %}{% endfor %}',
    ],
    ['a text replaced', '{{ ("a" * 100000) | replace("", "b" * 10000) }}'],
    ['a wide field', '{{ "%999999999d" % 1 }}{{ "a".center(999999999) }}{{ "{:>999999999}".format(1) }}'],
    ['a long range', '{{ range(1000000000) | list | length }}'],
    ['output without end', '{% for a in range(99999) %}{{ "x" * 10000 }}{% endfor %}'],
    ['a macro that calls itself', '{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}'],
    ['a loop that calls itself', '{% for i in [[1]] recursive %}{{ loop([i]) }}{% endfor %}'],
    [
      'a value in itself',
      '{% set s = namespace(t=[]) %}{% for i in range(9999) %}{% set s.t = [s.t] %}{% endfor %}{{ s.t }}',
    ],
    [
      'a value in itself as JSON',
      '{% set s = namespace(t=[]) %}{% for i in range(9999) %}{% set s.t = [s.t] %}{% endfor %}{{ s.t | tojson }}',
    ],
    [
      'values in themselves compared',
      '{% set s = namespace(t=[], u=[]) %}{% for i in range(9999) %}{% set s.t = [s.t] %}{% set s.u = [s.u] %}{% endfor %}{{ s.t == s.u }}',
    ],
    ['sorting much', '{% for i in range(9999) %}{{ range(9999) | sort | first }}{% endfor %}'],
    ['parentheses', `{{ ${'('.repeat(20_000)}1${')'.repeat(20_000)} }}`],
    ['lists in lists', `{{ ${'['.repeat(20_000)} }}`],
    ['signs', `{{ ${'- '.repeat(20_000)}1 }}`],
    ['negations', `{{ ${'not '.repeat(20_000)}1 }}`],
    ['sums', `{{ ${'1 + '.repeat(20_000)}1 }}`],
    ['attributes', `{{ t${'.a'.repeat(20_000)} }}`],
    ['conditions', '{% if n %}'.repeat(20_000)],
    ['braces', '{'.repeat(300_000)],
    ['targets', `{% set ${'('.repeat(20_000)}a = 1 %}`],
  ])('%s', (_, source) => {
    const begun = busy();
    expect(failure(source).code).toMatch(/^JINJA_(LIMIT|SYNTAX|FAILED)$/);
    expect(busy() - begun).toBeLessThan(2000);
  });

  it.each([
    ['white space', ' '.repeat(300_000) + 'x'],
    ['tags', '{{ 1 }}'.repeat(20_000)],
    ['lines before tags', '\n   {% if n %}{% endif %}'.repeat(20_000)],
    ['white space in a text', `{{ t }}{{ "a${' '.repeat(200_000)}b" | trim | length }}`],
  ])('but %s is no trouble', (_, source) => {
    const begun = busy();
    render(source);
    expect(busy() - begun).toBeLessThan(2000);
  });
});

describe('an error says where and what in words', () => {
  it.each([
    ['a\n{% if n %}\nb', 2, '{% if %} has no {% elif %} or {% else %} or {% endif %} that closes it'],
    ['{{ n\n| }}', 2, 'expected the name of a filter, found }}'],
    ['\n\n{{ "a }}', 3, 'a string has no " that closes it'],
    ['{% for a in m %}{% endif %}', 1, 'there is no tag {% endif %} here; {% for %} of line 1 is open'],
    ['\n{% include "x" %}', 2, '{% include %} joins several templates'],
    ['{{ a.b }}', 1, "'a' is undefined"],
    ['\n{{ t + 1 }}', 2, "unsupported operand type(s) for +: 'str' and 'int'"],
    ['{% for a in m %}\n{{ a.append(1) }}{% endfor %}', 2, "'dict object' has no attribute 'append'"],
    ['{{ m.append(1) }}', 1, 'a template may not change a list'],
    ['{% macro f(x) %}\n{{ x.y }}{% endmacro %}\n\n{{ f() }}', 2, "parameter 'x' was not provided"],
    ['{{ 2 ** 99 }}', 1, 'whole numbers beyond 2^53 are not supported'],
    ['{{ t | urlize }}', 1, 'the filter "urlize" is not supported'],
  ])('%s', (source, line, message) => {
    const error = failure(source);
    expect(error.place.line).toBe(line);
    expect(error.message).toContain(message);
  });
});

it('None is a value, and not the want of one', () => {
  expect(
    render('{% set n = none %}{{ n }}{{ {"a": none}.a }}{{ {"a": none}.get("a", 1) }}{{ [none][0] }}'),
  ).toBe('NoneNoneNoneNone');
});
