#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Compares octet tokenize with Hugging Face tokenizers (0.23.3, from PyPI) on random texts of many kinds.

    python3 tools/compare_tokenizer.py TOKENIZER.json [--texts N] [--seed N] [--octet PROGRAM]

Ids must be the same and so must the text that they decode to. Prints the texts that differ, cut down to what still differs, and exits with 1 if
there are any. The kind "new" holds characters that came after Unicode 14, where differences are known (src/text/tokenizer.h).
Uses unicodedata2 where it is installed, for characters that Python's own unicodedata does not know.
"""
import argparse
import collections
import json
import random
import subprocess
import sys
import unicodedata as old

from tokenizers import Tokenizer

try:
    import unicodedata2 as unicodedata
except ImportError:
    unicodedata = old

BLOCKS = [(0x20, 0x7e), (0xa0, 0xff), (0x100, 0x24f), (0x370, 0x3ff), (0x400, 0x52f), (0x530, 0x58f), (0x590, 0x5ff), (0x600, 0x6ff), (0x700, 0x7bf),
          (0x900, 0x97f), (0x980, 0x9ff), (0xb80, 0xbff), (0xd00, 0xd7f), (0xe00, 0xe7f), (0xf00, 0xfff), (0x1000, 0x109f), (0x10a0, 0x10ff),
          (0x1100, 0x11ff), (0x1200, 0x137f), (0x13a0, 0x13ff), (0x1780, 0x17ff), (0x1800, 0x18af), (0x1e00, 0x1eff), (0x1f00, 0x1fff),
          (0x2000, 0x206f), (0x2070, 0x209f), (0x20a0, 0x20cf), (0x2100, 0x214f), (0x2150, 0x218f), (0x2190, 0x23ff), (0x2460, 0x24ff),
          (0x2c80, 0x2cff), (0x3000, 0x30ff), (0x3130, 0x318f), (0x3200, 0x33ff), (0x4e00, 0x9fff), (0xa000, 0xa48f), (0xac00, 0xd7a3),
          (0xe000, 0xe100), (0xf900, 0xfaff), (0xfb00, 0xfdff), (0xfe00, 0xfeff), (0xff00, 0xffef), (0x10000, 0x1007f), (0x10400, 0x1044f),
          (0x1d100, 0x1d1ff), (0x1d400, 0x1d7ff), (0x1e900, 0x1e95f), (0x1f100, 0x1f1ff), (0x1f300, 0x1f6ff), (0x1f900, 0x1f9ff), (0x20000, 0x2a6df),
          (0x2f800, 0x2fa1f)]
WORDS = ("the of and to in is it's don't WE'LL I'm they've he'd rock'n'roll naive café straße Ĳssel résumé int main(void) return 0; #include <stdio.h> "
         "def f(x): lambda *args, **kwargs: None https://example.org/a?b=c&d=%20 foo_bar fooBar HTTPServer x86_64 3.14159 1e-10 0xdeadbeef 2024-01-31 "
         "$9.99 50% a@b.c C++ <div class=\"x\"> </div> {\"a\": [1, 2]} \\n -- ... !!! ??? == != <= >= && || => -> // /* */ ``` ''' ſ'S 'ſ K's 'LL").split(" ")
SPACES = [" ", " ", " ", "  ", "\n", "\r\n", "\r", "\t", "\u00a0", "\u0085", "\u2003", "\u3000", "\u2028", "\u200b", "\ufeff", "\x0b", "\x0c", "\u1680", "\u180e", "\x1c"]


def is_new(c):
    """Is the character younger than Unicode 14?"""
    return old.unidata_version < "15" and old.category(c) == "Cn" and unicodedata.category(c) != "Cn"


def scan():
    chars = collections.defaultdict(list)
    for cp in range(0x110000):
        c = chr(cp)
        kind = unicodedata.category(c)
        if kind == "Cs":
            continue
        if is_new(c):
            chars["new"].append(c)
            continue
        chars[kind].append(c)
        if unicodedata.combining(c):
            chars["combining"].append(c)
        if unicodedata.decomposition(c):
            chars["decomposing"].append(c)
    return chars


class Texts:
    def __init__(self, r, added):
        self.r, self.chars = r, scan()
        self.added = added or ["<none>"]
        self.kinds = [self.scripts, self.marks, self.controls, self.emoji, self.tokens, self.space, self.prose, self.any, self.runs, self.categories,
                      self.hangul, self.unpaired] + ([self.new] if self.chars["new"] else [])

    def of(self, pieces, most=30):
        return "".join(self.r.choice(pieces) for _ in range(self.r.randint(0, most)))

    def char(self):
        a, b = self.r.choice(BLOCKS)
        c = chr(self.r.randint(a, b))
        return c if not is_new(c) else "x"

    def scripts(self):
        out = []
        for _ in range(self.r.randint(1, 6)):
            a, b = self.r.choice(BLOCKS)
            out += [c for c in (chr(self.r.randint(a, b)) for _ in range(self.r.randint(1, 8))) if not is_new(c)]
            out.append(self.r.choice(["", " ", "\n", ".", "1"]))
        return "".join(out)

    def marks(self):
        marks = self.chars["combining"] if self.r.random() < .5 else list("\u0300\u0301\u0302\u0308\u0323\u0327\u0345\u0338\u093c\u05b0\u064b\u3099\u309a")
        return "".join(self.r.choice([self.char(), self.r.choice("aeinoAE ,1"), self.r.choice(self.chars["decomposing"])]) + self.of(marks, 4)
                       for _ in range(self.r.randint(1, 8)))

    def controls(self):
        return self.of(self.chars["Cc"] + self.chars["Cf"] + list("ab 1.") * 8)

    def emoji(self):
        return self.of(["\U0001f468\u200d\U0001f469\u200d\U0001f467", "\U0001f44d\U0001f3fd", "\u2764\ufe0f", "1\ufe0f\u20e3", "\U0001f1e9\U0001f1ea",
                        "\U0001f600", "\U0001f3f4\U000e0067\U000e0062\U000e007f", " ", "a", "!", "\n", chr(self.r.randint(0x1f300, 0x1f64f))])

    def tokens(self):
        out = []
        for _ in range(self.r.randint(1, 8)):
            t = self.r.choice(self.added)
            k = self.r.random()
            out.append(t if k < .6 else t[:self.r.randint(0, len(t))] if k < .7 else t[self.r.randint(0, len(t)):] if k < .8 else self.r.choice(SPACES + WORDS))
        return "".join(out)

    def space(self):
        return "".join(self.r.choice(SPACES) * self.r.choice([1, 1, 1, 2, 3, 7]) + self.r.choice(["", "", "a", ".", "1", "é"]) for _ in range(self.r.randint(1, 12)))

    def prose(self):
        return "".join(self.r.choice(WORDS) + self.r.choice([" ", " ", " ", "", "\n", "\n    ", ", ", "'"]) for _ in range(self.r.randint(1, 40)))

    def any(self):
        return "".join(c for c in (chr(self.r.choice([self.r.randrange(0x800), self.r.randrange(0xd800), self.r.randrange(0xe000, 0x110000)]))
                                   for _ in range(self.r.randint(0, 20))) if not is_new(c))

    def runs(self):
        return "".join(self.char() * self.r.choice([1, 2, 3, 5, 17, 60, 150]) for _ in range(self.r.randint(1, 6)))

    def categories(self):
        names = [k for k in self.chars if len(k) == 2 and k != "Cn"]
        return "".join(self.r.choice(self.chars[self.r.choice(names)]) for _ in range(self.r.randint(1, 20)))

    def hangul(self):
        ranges = [(0x1100, 0x1112), (0x1161, 0x1175), (0x11a7, 0x11c2), (0xac00, 0xd7a3), (0x1113, 0x115f), (0x1176, 0x11ff), (0xa960, 0xa97c), (0xd7b0, 0xd7fb)]
        return "".join(chr(self.r.randint(*self.r.choice(ranges))) for _ in range(self.r.randint(1, 20)))

    def unpaired(self):
        return self.of([chr(self.r.randint(0xd800, 0xdfff)), "a", "\U0001f600", "\U0001d800", " ", "\ufffd", "\0"])

    def new(self):
        return self.of(self.chars["new"] + list("ab 1.\n") * 500)


def run(octet, path, lines, *options):
    p = subprocess.run([octet, "tokenize", path, "--lines", *options], input="\n".join(lines) + "\n", capture_output=True, text=True)
    if p.returncode:
        sys.exit(p.stderr)
    return [json.loads(line) for line in p.stdout.split("\n")[:-1]]


def clean(text):
    """Unpaired surrogates as U+FFFD; pairs as the character."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def shorten(text, differs):
    step = max(len(text) // 2, 1)
    while step:
        at = 0
        while at < len(text):
            shorter = text[:at] + text[at + step:]
            if differs(shorter):
                text = shorter
            else:
                at += step
        step //= 2
    return text


def main():
    p = argparse.ArgumentParser()
    p.add_argument("tokenizer")
    p.add_argument("--texts", type=int, default=20000)
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--octet", default="./octet")
    p.add_argument("--show", type=int, default=5, help="differing texts shown of each kind")
    o = p.parse_args()
    hf = Tokenizer.from_file(o.tokenizer)

    def encode(text):
        return hf.encode(clean(text), add_special_tokens=False).ids
    with open(o.tokenizer, encoding="utf-8") as f:
        texts = Texts(random.Random(o.seed), [a["content"] for a in json.load(f)["added_tokens"]])
    rows = [(kind.__name__, kind()) for _ in range(o.texts // len(texts.kinds) + 1) for kind in texts.kinds]
    ids = run(o.octet, o.tokenizer, [json.dumps(t) for _, t in rows])
    wanted = [encode(t) for _, t in rows]
    decoded = run(o.octet, o.tokenizer, [json.dumps(i) for i in wanted], "--decode")
    wrong = collections.defaultdict(list)
    for (kind, text), got, want, back in zip(rows, ids, wanted, decoded, strict=True):
        if got != want:
            wrong[kind + " ids"].append(text)
        if back != hf.decode(want, skip_special_tokens=False):
            wrong[kind + " decoded"].append(text)
    for kind, found in wrong.items():
        print(f"{kind}: {len(found)} differ")
        for text in found[:o.show]:
            if kind.endswith("ids"):
                text = shorten(text, lambda t: run(o.octet, o.tokenizer, [json.dumps(t)])[0] != encode(t))
                print(f"  {ascii(text)}  octet {run(o.octet, o.tokenizer, [json.dumps(text)])[0]}  tokenizers {encode(text)}")
            else:
                print(f"  {ascii(text)}")
    print(f"{o.tokenizer}: {len(rows)} texts of {len(texts.kinds)} kinds, {sum(map(len, wanted))} ids, {sum(map(len, wrong.values()))} differ")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
