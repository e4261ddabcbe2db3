#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes src/text/unicode9.c: the characters that Hugging Face tokenizers (0.23.3, from PyPI), whose normaliser has the data of Unicode 9, leaves
alone, though later versions give them a combining class or a decomposition. Needs unicodedata2 16.0.0, from PyPI, too.

    python3 tools/make_unicode9.py >src/text/unicode9.c && clang-format -i src/text/unicode9.c
"""
import unicodedata2 as unicodedata
from tokenizers import normalizers

FORMS = {name: getattr(normalizers, name)().normalize_str for name in ("NFC", "NFD", "NFKC", "NFKD")}
HIGH, LOW = "\u0345", "\u0334"  # marks of class 240 and 1

HEAD = """\
/* unicode9.c - characters whose normalisation is newer than Unicode 9. Written by tools/make_unicode9.py.
 * SPDX-License-Identifier: MIT */
#include "text/unicode9.h"

#include <stddef.h>

#include "base/base.h"

/* First and last of each range. */
static const uint32_t ranges[][2] = {
"""
TAIL = """\
};

bool unicode9_lacks(uint32_t cp)
{
    size_t low = 0, high = ARRAY_LEN(ranges);
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (ranges[middle][1] < cp)
            low = middle + 1;
        else
            high = middle;
    }
    return low < ARRAY_LEN(ranges) && ranges[low][0] <= cp;
}
"""


def is_sorted(c):
    """Does the normaliser sort the mark by its class?"""
    k = unicodedata.combining(c)
    nfd = FORMS["NFD"]
    return nfd("a" + HIGH + c) != "a" + HIGH + c if k < 240 else nfd("a" + c + LOW) != "a" + c + LOW


def is_composed(c):
    whole = unicodedata.normalize("NFD", c)
    return len(whole) == 1 or FORMS["NFC"](whole) == unicodedata.normalize("NFC", whole)


def lacking():
    found = set()
    for cp in (*range(0xd800), *range(0xe000, 0x110000)):
        c = chr(cp)
        if unicodedata.combining(c) and not is_sorted(c):
            found.add(cp)
        for name, form in FORMS.items():
            if form(c) != unicodedata.normalize(name, c):
                assert form(c) == c
                found.add(cp)
        if not is_composed(c):
            # Nothing may join the first of its parts.
            found.add(ord(unicodedata.normalize("NFD", c)[0]))
    return found


def main():
    ranges = []
    for cp in sorted(lacking()):
        if ranges and ranges[-1][1] == cp - 1:
            ranges[-1][1] = cp
        else:
            ranges.append([cp, cp])
    cells = [f"{{ 0x{a:x}, 0x{b:x} }}," for a, b in ranges]
    print(HEAD, end="")
    line = "   "
    for cell in cells:
        if len(line) + 1 + len(cell) > 120:
            print(line)
            line = "   "
        line += " " + cell
    print(line)
    print(TAIL, end="")


if __name__ == "__main__":
    main()
