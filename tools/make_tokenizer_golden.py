#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Test data for the tokeniser, by Hugging Face tokenizers 0.23.3 (from PyPI).

    python3 tools/make_tokenizer_golden.py tests/data/tokenizer

Writes tiny.json, a small byte-level BPE, and specs.jsonl: one object a line, the parts in which a tokenizer.json differs from the
next (normaliser, pre-tokeniser, added tokens, merges), drawn at random, and cases [text, ids, decoded]. Tokens 0 to 255 are the bytes in their order.
"""
import json
import random
import sys

from tokenizers import Tokenizer

SEED, N_SPEC, N_TEXT = 7, 120, 10

QWEN = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
CL100K = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+|\s++$|\s*[\r\n]|\s+(?!\S)|\s"
GPT4O = (r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
         r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
         r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+")
DEEPSEEK = (r"[!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*"
            r"|\s*[\r\n]+|\s+(?!\S)|\s+")
KIMI = r"[\p{Han}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]*[\p{Ll}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]+|\p{N}{1,3}|\s+"
BLOOM = r" ?[^(\s|[.,!?…。，、।۔،])]+"
PATTERNS = [QWEN, CL100K, GPT4O, DEEPSEEK, KIMI, BLOOM, r"\p{N}{1,3}", r"[一-龥぀-ゟ゠-ヿ]+", r"\p{N}{1,3}+", r"[\p{Lu}\p{Lo}&&[^\p{Han}]]+", r"\w+",
            r"\W", r"[\W\d]", r"[^\Wa]+", r"\s?\p{P}+", r"\h{2}", r"\b", r"\B", r"^.", r".$", r"(?m:a.b)|.b", r"a{,2}b?", r"x*", r"",
            r"[a[bc]]+|[^a[bc]]", r"\u4e00", r"\v|\s\s", r"(?<=a)b|\R", r"(?i)straß|K", r"[\s\S]{3}", r"(a|b)\1", r"[^\S\n]+",
            r"(?>\s+)x|\d", r"[a-f&&b-z&&[^d]]", r"[^a-f&&b-z]+", r"[]a]", r"[^]a]+", r"\p{^L}+", r"\P{L}", r"\p{Han}+|\p{Latin}",
            r"(?:ab){2}+", r"[ab]{1,2}+c?", r"[\w\-]+", r"[.^]|\^", r"\d{2,}?", r"\x41|\t", r"[\h]+", r"[\n\r]", r"\S", r"(?=a)|b",
            r"\p{Greek}+|\p{Ll}"]
BEHAVIOURS = ["Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous"]
ALPHABET = list("aabbccdefgxyzABK0123456789 .,'-_!^\n\r\t") + [
    "é", "e\u0301", "ß", "ﬁ", "²", "Ⅷ", "一", "々", "〇", "あ", "한", "\u1112\u1161\u11ab", "\u0301", "\u0345", "\u200d", "\u2003", "\x85", "ⓐ", "'s",
    "'LL", "  ", "ab", "٣", "\u00c5", "\u212b", "α", "\u3000", "\u212a", "ſ", "、", "\U0001f600", "\U0001d989"]
CONTENTS = ["<a>", "<ab>", "ab", "a b", "foo", "x", " x", "x ", "e\u0301", "\u212b", "＜p＞", "<<", "<a", "b>", "一", "ﬁ", "..", "<|x|>", "\u00e9x"]


def byte_characters():
    own = [*range(0x21, 0x7f), *range(0xa1, 0xad), *range(0xae, 0x100)]
    rest = [b for b in range(256) if b not in own]
    return {**{b: chr(b) for b in own}, **{b: chr(0x100 + i) for i, b in enumerate(rest)}}


BYTES = byte_characters()


def spell(text):
    return "".join(BYTES[b] for b in text.encode())


def added_token(i, content, **flags):
    return dict(dict(id=i, content=content, single_word=False, lstrip=False, rstrip=False, normalized=False, special=True), **flags)


def byte_level(prefix=False, regex=False):
    return dict(type="ByteLevel", add_prefix_space=prefix, trim_offsets=True, use_regex=regex)


def document(spec):
    vocab = {BYTES[b]: b for b in range(256)}
    vocab.update(spec["vocab"])
    return dict(version="1.0", truncation=None, padding=None, added_tokens=spec["added_tokens"], normalizer=spec["normalizer"],
                pre_tokenizer=spec["pre_tokenizer"], post_processor=None, decoder=byte_level(),
                model=dict(type="BPE", dropout=None, unk_token=None, continuing_subword_prefix=None, end_of_word_suffix=None,
                           fuse_unk=False, byte_fallback=False, ignore_merges=spec["ignore_merges"], vocab=vocab, merges=spec["merges"]))


def random_pre_tokenizer(r):
    def step():
        k = r.random()
        if k < .7:
            pattern = {"Regex": r.choice(PATTERNS)} if r.random() < .85 else {"String": r.choice([" ", "a", "ab", ".", " b"])}
            return dict(type="Split", pattern=pattern, behavior=r.choice(BEHAVIOURS), invert=r.random() < .3)
        if k < .8:
            return dict(type="Digits", individual_digits=r.random() < .5)
        if k < .9:
            return dict(type="Punctuation", behavior=r.choice(BEHAVIOURS))
        return r.choice([dict(type="WhitespaceSplit"), dict(type="Whitespace"), dict(type="CharDelimiterSplit", delimiter="-")])
    steps = [step() for _ in range(r.randint(0, 3))] + [byte_level(r.random() < .4, r.random() < .4)]
    return steps[0] if len(steps) == 1 else dict(type="Sequence", pretokenizers=steps)


def random_normalizer(r):
    def form():
        return dict(type=r.choice(["NFC", "NFD", "NFKC", "NFKD"]))
    k = r.random()
    return None if k < .4 else form() if k < .8 else dict(type="Sequence", normalizers=[form() for _ in range(r.randint(0, 3))])


def random_merges(r):
    vocab, merges, tokens = {}, [], [BYTES[b] for b in range(256)]

    def part():
        letters = [BYTES[b] for b in b"abcdefgxyz  .'-019"]
        return r.choice(tokens[-40:] + letters) if r.random() < .7 else spell(r.choice(ALPHABET))[:1]
    for _ in range(r.randint(0, 60)):
        a, b = part(), part()
        if [a, b] not in merges:
            merges.append([a, b])
            if a + b not in vocab:
                vocab[a + b] = 256 + len(vocab)
                tokens.append(a + b)
    return vocab, merges


def random_spec(r):
    vocab, merges = random_merges(r)
    if r.random() < .3:
        # Tokens that no merge makes.
        for word in ("abc", "Ġab", "foo"):
            vocab.setdefault(word, 256 + len(vocab))
    added = []
    for content in r.sample(CONTENTS, r.randint(0, 8)):
        if content not in vocab and content not in BYTES.values():
            flags = dict(single_word=r.random() < .3, lstrip=r.random() < .3, rstrip=r.random() < .3, normalized=r.random() < .5, special=r.random() < .5)
            added.append(added_token(256 + len(vocab) + len(added), content, **flags))
    return dict(normalizer=random_normalizer(r), pre_tokenizer=random_pre_tokenizer(r), added_tokens=added, vocab=vocab,
                merges=merges if r.random() < .5 else [" ".join(m) for m in merges], ignore_merges=r.random() < .3)


def tiny():
    merges = [("h", "e"), ("l", "l"), ("he", "ll"), ("hell", "o"), ("Ġ", "w"), ("o", "r"), ("Ġw", "or"), ("l", "d"), ("Ġwor", "ld"), ("Ġ", "Ġ"), ("ĠĠ", "ĠĠ"),
              ("a", "a"), ("aa", "aa"), ("aaaa", "aaaa"), ("ð", "Ł"), ("ðŁ", "ĺ"), ("Ã", "©"), ("Ġ", "t"), ("h", "is"), ("i", "s"), ("i", "m"), ("_", "end"), ("e", "n"),
              ("en", "d"), ("<", "|"), ("|", ">"), ("e", "r")]
    vocab = {}
    for a, b in merges:
        vocab.setdefault(a + b, 256 + len(vocab))
    names = [("<|endoftext|>", {}), ("<|im_start|>", {}), ("<|im_end|>", {}), ("<tool_call>", dict(special=False)), ("</tool_call>", dict(special=False)),
             ("<left>", dict(lstrip=True)), ("<right>", dict(rstrip=True)), ("<word>", dict(single_word=True)), ("un caf\u00e9", dict(normalized=True, special=False)),
             ("<|im_end|>!", {})]
    added = [added_token(256 + len(vocab) + i, c, **f) for i, (c, f) in enumerate(names)]
    split = dict(type="Split", pattern=dict(Regex=QWEN), behavior="Isolated", invert=False)
    return document(dict(normalizer=dict(type="NFC"), pre_tokenizer=dict(type="Sequence", pretokenizers=[split, byte_level()]), added_tokens=added, vocab=vocab,
                         merges=[list(m) for m in merges], ignore_merges=False))


def main(out):
    r = random.Random(SEED)
    with open(f"{out}/tiny.json", "w", encoding="utf-8") as f:
        json.dump(tiny(), f, ensure_ascii=False, separators=(",", ":"))
        f.write("\n")
    with open(f"{out}/specs.jsonl", "w", encoding="utf-8") as f:
        for i in range(N_SPEC):
            spec = random_spec(r)
            if i < len(PATTERNS):
                # Every pattern at least once, alone.
                spec["pre_tokenizer"] = dict(type="Sequence", pretokenizers=[
                    dict(type="Split", pattern=dict(Regex=PATTERNS[i]), behavior="Isolated", invert=False), byte_level()])
            tok = Tokenizer.from_str(json.dumps(document(spec)))
            pieces = ALPHABET + [a["content"] for a in spec["added_tokens"]] * 3
            spec["cases"] = []
            for _ in range(N_TEXT):
                text = "".join(r.choice(pieces) for _ in range(r.randint(0, 30)))
                ids = tok.encode(text, add_special_tokens=False).ids
                spec["cases"].append([text, ids, tok.decode(ids, skip_special_tokens=False)])
            f.write(json.dumps(spec, ensure_ascii=False, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main(sys.argv[1])
