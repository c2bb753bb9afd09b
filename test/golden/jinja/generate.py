"""Writes expressions.json: what transformers' chat-template renderer makes of a table of small templates.

    pip install transformers==5.18.0 jinja2==3.1.6
    python test/golden/jinja/generate.py

A template is rendered by the environment that `apply_chat_template` uses, with the values below. Where it fails, the
golden file says so; the message is only for readers.
"""

import json
import os

import jinja2
import transformers
from transformers.utils.chat_template_utils import _compile_jinja_template

VALUES = {
    "messages": [
        {"role": "system", "content": " Be brief. "},
        {"role": "user", "content": "It's <b>\n\"quoted\"</b> & caf\u00e9 \U0001F642"},
        {"role": "assistant", "content": "one two  three", "n": 3, "f": 2.5, "flags": [True, False, None]},
    ],
    "tools": [{"name": "get", "parameters": {"type": "object", "properties": {"b": {"type": "int"}, "a": {}}, "required": ["b"]}}],
    "x": "a,b,,c",
    "n": 7,
    "f": 0.1,
    "empty": [],
    "text": "  The QUICK brown\tfox's \u00df \u01c6 \U0001F642 end\r\n",
    "d": {"b": 2, "A": 1, "c": None},
}

EXPRESSIONS = """
true
[True, False, None]
{'a': 1, 'b': [1.0, 'x', none]}
(1,)
(1, 'a', "it's")
()
messages[2]
messages[2].flags
messages[1].content
messages[1].content | tojson
messages[2] | tojson
tools | tojson(indent=2)
tools | tojson(indent=4, sort_keys=true)
tools | tojson(separators=(',', ':'))
messages[1].content | tojson(ensure_ascii=true)
[] | tojson(indent=2)
{1: 2, none: 3, 2.5: 5} | tojson
'%s is %d' % ('a', 3)
'%s' % x
'%r %5s|%-5s|%05d|%.2f|%x|%%' % ('a', 'b', 'c', 42, 2.345, 255)
'%(a)s-%(b)s' % {'a': 1, 'b': none}
'%s' % messages[2].flags
'%d' % 3.99
'%+d % d' % (3, 4)
'%e %g %G' % (12345.678, 0.0001, 1e20)
'%s %s' % ('a',)
'%s' % ('a', 'b')
'a' * 3
3 * 'ab'
'a' * -1
[0] * 3
(1, 2) * 2
', '.join(['a', 'b'])
', '.join(x.split(','))
'-'.join('abc')
', '.join([1, 2])
x.find('b')
x.find('z')
x.rfind(',')
x.index('c')
x.index('z')
x.count(',')
text.find('end')
[1, 2, 3] | sum
[0.1, 0.2] | sum
messages | map(attribute='n', default=0) | sum
[{'v': 1}, {'v': 2}] | sum(attribute='v')
[] | sum
[[1], [2]] | sum(start=[])
2.5 | round
3.5 | round
2.345 | round(2)
0.125 | round(2)
2.7 | round(method='floor')
2.1 | round(method='ceil')
42 | round
1234 | round(-2)
2.5 | round | int
messages[1].content | e
'<' | escape
1.0
0.1 + 0.2
1e16
1e15
1e-5
0.0001
1e100
-0.0
7 / 2
7 // 2
-7 // 2
7 % 3
-7 % 3
7.5 // 2
2 ** 3 ** 2
2 ** -1
2 ** 0.5
1 / 0
7 % 0
1 + true
1 + 1.0
'a' + 1
'a' ~ 1 ~ none ~ true ~ 1.0
1 < 2 < 3
1 < 3 < 2
'a' < 'b'
'a' < 1
[1, 2] < [1, 3]
1 == 1.0
true == 1
none == false
'b' in x
1 in [1, 2]
'b' in d
'z' not in d
none in [none]
1 in 'a'
not true
not none and 'x'
'' or 'y'
0 and 1
'a' if n > 5 else 'b'
'a' if n > 50
n is odd
n is even
n is divisibleby 7
n is divisibleby(2)
n is number
f is float
n is integer
true is integer
true is boolean
true is number
x is string
d is mapping
x is mapping
messages is sequence
x is iterable
n is iterable
zzz is defined
x is defined
zzz is undefined
none is none
x is not none
x is eq 'a'
n is gt(5)
n is in [7, 8]
'UP' is upper
'low' is lower
'upper' is filter
'nope' is filter
'odd' is test
range is callable
x is sameas x
zzz
zzz.a
zzz + 1
messages[0].nope
messages[0].nope.more
messages[9]
messages[-1].role
messages[0]['role']
messages[:2] | length
messages[::-1][0].role
messages[1:] | map(attribute='role') | list
x[1:]
x[::-1]
x[-1]
x[99]
text[21]
text | length
text.strip()
text | trim
text.lstrip()
text.rstrip()
'xxhixx'.strip('x')
'xxhixx'.lstrip('x')
'xyhiyx' | trim('xy')
text.upper()
text.lower()
text.title()
text | title
"it's a-b (c) [d]" | title
"it's a-b (c) [d]".title()
text.capitalize()
'hELLO wORLD' | capitalize
text.split()
text.split(none, 1)
text.split(' ', 2)
x.split(',')
x.split(',', 1)
x.rsplit(',', 1)
'a b  c'.rsplit(none, 1)
x.split('')
'a\\nb\\r\\nc\\n'.splitlines()
'a\\nb'.splitlines(true)
x.startswith('a')
x.startswith(('z', 'a'))
x.endswith('c')
x.endswith(['c'])
x.replace(',', ';')
x.replace(',', ';', 1)
'abc'.replace('', '-')
x | replace(',', ' and ', 2)
'prefix-x'.removeprefix('prefix-')
'x.py'.removesuffix('.py')
x.partition(',')
x.rpartition(',')
'5'.zfill(3)
'-5'.zfill(4)
'a'.center(5, '*')
'ab'.center(5)
'ab' | center(7)
'a'.ljust(3) ~ '|'
'a'.rjust(3, '.')
'12'.isdigit()
'a1'.isalnum()
'ab'.isalpha()
' '.isspace()
'{} {}'.format('a', 1)
'{0}-{1}-{0}'.format('a', true)
'{a!r:>5}|{b:05.2f}|{c:,}'.format(a='x', b=3.14159, c=1234567)
'{:>4}|{:<4}|{:^4}|{:04d}'.format('a', 'b', 'c', 7)
'{{}}'.format()
'%s and %s' | format('a', 'b')
d.get('b')
d.get('z')
d.get('z', 'q')
d.get('c', 'q')
d.items() | list
d.keys() | list
d.values() | list
d | items | list
d | dictsort
d | dictsort(case_sensitive=true)
d | dictsort(reverse=true)
d | list
d['items'] is defined
{'items': 5}.items is callable
{'items': 5}['items']
d | length
x | first
x | last
[] | first
[] | last
[3, 1, 2] | sort
[3, 1, 2] | sort(reverse=true)
['b', 'A', 'c'] | sort
['b', 'A', 'c'] | sort(case_sensitive=true)
messages | sort(attribute='role') | map(attribute='role') | join(' ')
[1, 1, 2, 'a', 'A'] | unique | list
[1, 3, 2] | max
[1, 3, 2] | min
messages | selectattr('role', 'equalto', 'user') | list | length
messages | selectattr('n') | list | length
messages | rejectattr('role', 'in', ['user', 'system']) | map(attribute='role') | join
[1, 2, 3, 4] | select('even') | list
[1, 2, 3, 4] | reject('gt', 2) | list
[0, 1, ''] | select | list
['a', 'b'] | map('upper') | join(', ')
[1, 2] | map('string') | join('+')
messages | map(attribute='role') | join(', ')
messages | join(', ', attribute='role')
[1, none, true] | join('|')
'abc' | reverse
[1, 2, 3] | reverse | list
'abc' | list
'3.7' | int
'x' | int
'x' | int(-1)
'0x1A' | int(0, 16)
' 42 ' | int
3.99 | int
none | int
'2.5' | float
'x' | float
'x' | float(1.5)
3 | float
-3 | abs
-3.5 | abs
none | default('d')
zzz | default('d')
'' | default('d', true)
zzz | d('e')
'a\\nb\\n\\nc' | indent
'a\\nb' | indent(2, true)
'a\\n\\nb' | indent(2, blank=true)
'a b_c, d' | wordcount
[1, 2, 3, 4, 5] | batch(2) | list
[1, 2, 3] | batch(2, 0) | list
messages | groupby('role') | map(attribute=0) | join(' ')
x | string
12 | string | length
x | upper | lower
x | safe
x | nosuchfilter
x is nosuchtest
x.nosuchmethod()
nosuchfunction()
x()
range(3) | list
range(1, 7, 2) | list
range(3, 0, -1) | list
range(0)| list
dict(a=1, b=2)
dict([('a', 1)])
namespace(a=1).a
namespace({'a': 2}, b=3).a
[1, 2] + [3]
(1,) + (2,)
[1] + (2,)
[[1, 2], [3]] | map('sum') | list
[1, [2, ['x']]]
'\\x41\\u00e9\\n' | tojson
'\\q'
'a' 'b'
"\\"" ~ '\\''
0x10 + 0b11 + 0o7
1_000
-2 ** 2
- 2 | abs
-x
+true
'a' not in 'b' and 1
n > 5 and n < 10 or false
not n == 7
messages[0].role == 'system' and messages[0].content
messages[0].content.strip().upper()[:2]
(messages | first).role
messages | map('first') | list
messages[0] | first
['\\u2028', '\\x00', '\\x7f', '\\u00ad', '\\u00e9', '\\U0001F642', '\\\\', "'", '"', "'\\""]
loop
x.append(1)
empty.append(1)
[].pop()
d.update({})
''.__class__
none | length
5 | length
none | list
none.x
none ~ ''
zzz ~ 'a'
zzz == none
zzz | length
zzz | upper
'a' | upper()
1 is eq 1 and 2 is ne 3
[1,2,] | length
{'a': 1,}
((1))
1, 2
'x' if false
['x' if false][0] is undefined
range(200000) | list | length
{} | tojson
{'a': {}} | tojson(indent=1)
1.5 | tojson
1e400 | tojson
'\\u2028</script>' | tojson
messages | tojson | length
""".strip().split("\n")

STATEMENTS = [
    "{% for m in messages %}{{ loop.index }}/{{ loop.length }}{{ loop.first }}{{ loop.last }} {{ m.role }}\n{% endfor %}",
    "{% for m in messages if m.role != 'user' %}{{ loop.index0 }}{{ loop.revindex }}{{ m.role }},{% else %}none{% endfor %}",
    "{% for m in empty %}x{% else %}none{% endfor %}",
    "{% for k, v in d.items() %}{{ k }}={{ v }};{% endfor %}",
    "{% for k in d %}{{ k }}{% endfor %}{% for c in 'ab' %}[{{ c }}]{% endfor %}",
    "{% for a, b in [(1, 2), (3, 4, 5)] %}{{ a }}{% endfor %}",
    "{% for i in range(5) %}{% if i == 1 %}{% continue %}{% endif %}{% if i == 3 %}{% break %}{% endif %}{{ i }}{% endfor %}",
    "{% set ns = namespace(n=0) %}{% for i in range(4) %}{% set ns.n = ns.n + i %}{% endfor %}{{ ns.n }}",
    "{% set n = 1 %}{% for i in range(2) %}{% set n = n + 1 %}{{ n }}{% endfor %}{{ n }}",
    "{% for i in [1, 2] %}{{ y }}{% set y = i %}{{ y }};{% endfor %}{{ y is defined }}",
    "{% if n > 5 %}{% set q = 'in' %}{% endif %}{{ q }}",
    "{% set a, b = 1, 2 %}{{ a }}{{ b }}",
    "{% set q %}\n  block {{ n }}\n{% endset %}[{{ q }}]",
    "{% set q | trim | upper %}\n  block {{ n }}\n{% endset %}[{{ q }}]",
    "{% set d.b = 5 %}",
    "{% macro f(a, b='x', c=n) %}<{{ a }}{{ b }}{{ c }}>{% endmacro %}{{ f(1) }}{{ f(1, 2) }}{{ f(b=3, a=4) }}{{ f() }}",
    "{% macro f(a) %}{{ varargs }}{{ kwargs }}{% endmacro %}{{ f(1, 2, 3, k=4) }}",
    "{% macro f(a) %}{{ a }}{% endmacro %}{{ f(1, 2) }}",
    "{% macro f(a) %}{{ a }}{% endmacro %}{{ f(z=2) }}",
    "{% macro f() %}{{ later }}{% endmacro %}{% set later = 3 %}{{ f() }}",
    "{% macro f(i) %}{% if i > 0 %}{{ i }}{{ f(i - 1) }}{% endif %}{% endmacro %}{{ f(3) }}",
    "{% macro w() %}<{{ caller() }}>{% endmacro %}{% call w() %}in {{ n }}{% endcall %}",
    "{% macro w() %}{{ caller(5) }}{% endmacro %}{% call(v) w() %}got {{ v }}{% endcall %}",
    "{% filter upper %}a{{ x }}{% endfilter %}",
    "{% with a = 1, b = 2 %}{{ a + b }}{% endwith %}{{ a is defined }}",
    "{% generation %}{{ messages[2].content }}{% endgeneration %}!",
    "a\n  {% if true %}\n  b\n  {% endif %}\n  c\n",
    "a\n  {%- if true -%}\n  b\n  {%- endif -%}\n  c\n\n",
    "  {%+ if true %}x{% endif +%}\n  y",
    "{{ 'a' }}\n{{- 'b' -}}\n c\n  {{ 'd' }}\n",
    "a\n  {# note #}\nb {#- x -#} c\n{# multi\nline #}\nd",
    "{% raw %}{{ not }} {% this %}{% endraw %}x",
    "a  {%- raw -%}  {{ x }}  {%- endraw -%}  b",
    "a\r\n{% if true %}\r\nb\r\n{% endif %}\r\nc\rd\r\n",
    "{{ 'x\r\ny' }}",
    "{{ {'a': {'b': 1}}['a']['b'] }}{{ {} }}",
    "{% for i in [[1, [2]], [3]] recursive %}{% if i is iterable %}({{ loop(i) }}){% else %}{{ i }}{% endif %}{% endfor %}",
    "{% for i in [1, 1, 2] %}{{ loop.changed(i) }}{{ loop.cycle('a', 'b') }}{{ loop.previtem }}{{ loop.nextitem }};{% endfor %}",
    "{% for i in [1] %}{% for j in [2] %}{{ loop.depth }}{% endfor %}{% endfor %}",
    "{% print n, x %}",
    "{% if %}x{% endif %}",
    "{% if n %}x",
    "{% for m in messages %}x{% endif %}",
    "{{ n",
    "{{ n }",
    "{% nosuch %}",
    "{{ 'abc }}",
    "{{ (1 }}",
    "{{ 1) }}",
    "{# x",
    "{% raw %}x",
    "{{ }}",
    "{{ a b }}",
    "{{ 'a' | }}",
    "{{ a. }}",
    "{% set 1 = 2 %}",
    "{% set true = 2 %}",
    "{% macro f(a=1, b) %}{% endmacro %}",
    "{{ f(a=1, 2) }}",
    "{{ a ? b }}",
    "{% else %}",
    "{% endfor %}",
    "{{ raise_exception('no system role: ' ~ n) }}",
    "{% if messages[0]['role'] == 'system' %}{% set sys = messages[0]['content'] | trim %}{% set rest = messages[1:] %}{% else %}{% set rest = messages %}{% endif %}{{ sys }}|{{ rest | length }}",
    "{% for m in messages %}{% set content = '<s>' + m.content if loop.first else m.content %}{{ content }}{% endfor %}",
    "{%- set today = strftime_now('%%') %}{{ today }}",
    "{% if x is defined and x is not none and x | length > 2 %}yes{% endif %}",
    "{{ '<|' ~ 'a' ~ '|>' }}{{ \"{{ not a tag }}\" }}{{ '%}' }}",
    "{% set x = x ~ x %}{{ x }}",
    "{{ 'a\nb' }}\n\n",
    "text without tags\n\n",
    "",
    "\n",
    "{% if true %}\n\nx{% endif %}\n",
    "{%if n%}x{%endif%}{{n}}",
    "{% for m in messages -%}\n  {{ m.role }}\n{%- endfor %}",
    "{% set ns = namespace(found=false) %}{% for m in messages[::-1] %}{% if not ns.found and m.role == 'user' %}{% set ns.found = true %}{{ loop.index0 }}{% endif %}{% endfor %}",
    "{% for t in tools %}{{ t | tojson }}{% if not loop.last %}, {% endif %}{% endfor %}",
    "{% for name, p in tools[0].parameters.properties.items() | sort %}{{ name }}{% endfor %}",
    "{% set x = 5 %}{% macro f() %}{{ x }}{% set x = 6 %}{{ x }}{% endmacro %}{{ f() }}{{ x }}",
    "{% set content %}{% for m in messages %}{{ m.role }}{% endfor %}{% endset %}{{ content | length }}",
    "{% for i in range(3) %}{% set x = i %}{% if x == 1 %}{% break %}{% endif %}{{ x }}{% else %}e{% endfor %}",
    "{% for m in nothing_here %}x{% else %}none{% endfor %}",
    "{% for m in 5 %}x{% endfor %}",
    "{% for m in none %}x{% endfor %}",
]


def render(source):
    try:
        template = _compile_jinja_template(source)
        return {"source": source, "text": template.render(**VALUES)}
    except Exception as error:
        kind = "syntax" if isinstance(error, jinja2.TemplateSyntaxError) else "failed"
        return {"source": source, "error": kind, "message": str(error), **({"line": error.lineno} if kind == "syntax" else {})}


def main():
    golden = {
        "generator": "test/golden/jinja/generate.py",
        "versions": {"transformers": transformers.__version__, "jinja2": jinja2.__version__},
        "values": VALUES,
        "expressions": [render("{{ " + expression.replace("\\\\", "\\") + " }}") for expression in EXPRESSIONS],
        "statements": [render(source) for source in STATEMENTS],
    }
    for case in golden["expressions"] + golden["statements"]:
        # What would fill the file; the test counts instead.
        if len(case.get("text", "")) > 10000:
            case["length"] = len(case.pop("text"))
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "expressions.json")
    with open(path, "w") as file:
        json.dump(golden, file, ensure_ascii=True, indent=1)
        file.write("\n")


main()
