"""jinja2: templates are lexed, parsed, optimised and compiled to Python source."""

import zlib
from collections.abc import Callable

import jinja2
import jinja2.compiler
import jinja2.idtracking
import jinja2.lexer
import jinja2.nodes
import jinja2.optimizer
import jinja2.parser
import jinja2.visitor

INSTRUMENTED = [
    jinja2.compiler,
    jinja2.idtracking,
    jinja2.lexer,
    jinja2.nodes,
    jinja2.optimizer,
    jinja2.parser,
    jinja2.visitor,
]
ITERATIONS = 20

TEMPLATE = """
{% extends "base.html" %}{% from "macros.html" import field, button as knob %}
{% macro row(item, class="odd") -%}<tr class="{{ class }}">
{% for cell in item.cells if cell %}<td>{{ cell|e|upper }}</td>
{% else %}<td>none</td>{% endfor %}</tr>{%- endmacro %}
{% block title %}{{ super() }} - {{ page.title | default("x" ~ 1 + 2 * 3) }}{% endblock %}
{% block body %}{# a comment #}{% set total = namespace(value=0) %}
{% for item in items.values() | sort(attribute="name") recursive %}
  {% if loop.first and not item.hidden or item.size >= 10 %}{{ row(item, class=loop.cycle("odd", "even")) }}
  {% elif item in (1, 2, 3) %}{{ "%s of %s" | format(loop.index, loop.length) }}
  {% else %}{{ item["key"][0].attr(1, a=2)[1:2] }}{% endif %}
  {% set total.value = total.value + item.size ** 2 // 3 - -1 %}{{ loop(item.children) }}
{% endfor %}{% filter indent(4) %}{% include "part.html" ignore missing %}{% endfilter %}
{% call(user) knob({"a": [1, 2.5, true, none], "b": "c" if d is defined else "e"}) %}{{ user.name }}{% endcall %}
{% with a = 1, b = a %}{{ a + b }}{% endwith %}{% raw %}{{ not this }}{% endraw %}{% endblock %}
"""


def prepare() -> Callable[[int], int]:
    environment = jinja2.Environment(autoescape=True, trim_blocks=True, cache_size=0)

    def run(iteration: int) -> int:
        # The number makes each text a new one for the caches of jinja2.
        source = environment.compile(f"{TEMPLATE}{{# {iteration % 7} #}}", "page.html", raw=True)
        return zlib.crc32(source.encode())

    return run
