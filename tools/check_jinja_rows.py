#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Asks jinja2 for the texts in the tables of tests/unit/test_jinja*.c: the templates are rendered by jinja2 3.1, set up as transformers sets
it up, and every text that differs is printed.

    pip install jinja2==3.1.2
    python3 tools/check_jinja_rows.py tests/unit/test_jinja*.c

A table, outside of functions, is `static const struct row NAME[] = { { "template", "text" }, ... };` where NULL in place of the text means an error. The variables are
those of the file's `static const char vars[]`, JSON.
"""
import ast
import datetime
import json
import re
import sys

import jinja2
import jinja2.ext
from jinja2.sandbox import ImmutableSandboxedEnvironment

STRING = r'"(?:[^"\\]|\\.)*"'
STRINGS = rf"{STRING}(?:\s*{STRING})*"
NOW = datetime.datetime(2026, 11, 22, 12, 0, 0)


class Generation(jinja2.ext.Extension):
    """{% generation %}: its body, in a function of its own."""

    tags = {"generation"}

    def parse(self, parser):
        line = next(parser.stream).lineno
        body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
        return jinja2.nodes.CallBlock(self.call_method("_body"), [], [], body).set_lineno(line)

    def _body(self, caller):
        return caller()


def environment():
    def raise_exception(message):
        raise jinja2.TemplateError(message)

    def tojson(x, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
        return json.dumps(x, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)

    env = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[Generation, jinja2.ext.loopcontrols]
    )
    env.filters["tojson"] = tojson
    env.globals["raise_exception"] = raise_exception
    env.globals["strftime_now"] = NOW.strftime
    return env


def unquote(literals):
    """C string literals to text: their escapes are Python's, of bytes."""
    parts = re.findall(STRING, literals)
    ascii_only = (re.sub(r"[^\x00-\x7f]", lambda m: "".join(rf"\x{b:02x}" for b in m[0].encode()), p) for p in parts)
    return b"".join(ast.literal_eval("b" + p) for p in ascii_only).decode()


def tables(source):
    """Every row of every table: template and text or None."""
    for table in re.finditer(r"^static const struct row \w+\[\] = \{(.*?)\n\};", source, re.S | re.M):
        for row in re.finditer(rf"\{{\s*({STRINGS}),\s*(NULL|{STRINGS})\s*\}}", table[1]):
            yield unquote(row[1]), None if row[2] == "NULL" else unquote(row[2])


def render(env, template, variables):
    try:
        return env.from_string(template).render(**variables)
    except Exception:  # whatever is wrong with a template: its wording is no part of the tables
        return None


def main():
    env = environment()
    rows = wrong = 0
    for path in sys.argv[1:]:
        with open(path, encoding="utf-8") as f:
            source = f.read()
        found = re.search(rf"static const char vars\[\] =\s*({STRINGS});", source)
        variables = json.loads(unquote(found[1])) if found else {}
        for template, text in tables(source):
            rows += 1
            got = render(env, template, variables)
            if got != text:
                wrong += 1
                print(f"{path}: {template!r}\n  table  {text!r}\n  jinja2 {got!r}")
    print(f"{rows} rows, {wrong} differ (jinja2 {jinja2.__version__})")
    return 1 if wrong or not rows else 0


if __name__ == "__main__":
    sys.exit(main())
