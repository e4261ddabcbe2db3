#!/usr/bin/env python3
"""Training conversations for Octet Mini, built from our own word lists and templates (standard library only).

    python3 gen_data.py show [N]         print N rendered documents
    python3 gen_data.py speed            measure the generator on one core
    python3 gen_data.py check-template   compare render() with the model's chat_template.jinja (needs jinja2)
    python3 gen_data.py eval > eval_prompts.json   write the short held-out prompts

A document is a list of (text, weight class) segments: class 0 is read by the model (system, user, tool results), class 1 is
what the model has to say, class 2 is plain source text.  Whether a filled-in request belongs to training or to the held-out
evaluation is decided by a hash of its text, so that the two never meet.
"""
import json
import os
import random
import re
import sys
import zlib

import gen_code
import gen_tools as gt
from gen_lists import *
from gen_tools import Tool, fill, result, show, word, ident, file_name, dir_path, path, phrase, sentence, text

TEMPLATE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../models/octet-mini/chat_template.jinja")

ME = "Octet Mini"
TASKS = gen_code.tasks()

# --- the chat format ---------------------------------------------------------------------------------------------------
DEFAULT_SYSTEM = "You are Octet Mini, a small assistant that can call tools."
TOOLS_HEAD = "\n\n# Tools\n\nThese tools can be called:\n\n<tools>"
TOOLS_TAIL = ("\n</tools>\n\nTo call a tool, write exactly this form and nothing after it:\n\n<tool_call>\n<function=tool_name>\n<parameter=parameter_name>\n"
              "value\n</parameter>\n</function>\n</tool_call>\n\nGive every required parameter. Write several <tool_call> blocks to make several calls. "
              "If no tool is needed, answer in plain words.")


def plain(v):
    return v if isinstance(v, str) else json.dumps(v, ensure_ascii=False)


def extra(d, known):
    return "".join(f"\n<{k}>{plain(v)}</{k}>" for k, v in d.items() if k not in known)


def render_tools(tools, head=TOOLS_HEAD, tail=TOOLS_TAIL):
    out = [head]
    for t in tools:
        t = t.get("function", t)
        out.append("\n<function>\n<name>" + t["name"] + "</name>")
        if "description" in t:
            out.append("\n<description>" + t["description"].strip() + "</description>")
        out.append("\n<parameters>")
        ps = t.get("parameters", {})
        for name, f in ps.get("properties", {}).items():
            out.append("\n<parameter>\n<name>" + name + "</name>")
            if "type" in f:
                out.append("\n<type>" + plain(f["type"]) + "</type>")
            if "description" in f:
                out.append("\n<description>" + f["description"].strip() + "</description>")
            out.append(extra(f, ("name", "type", "description")) + "\n</parameter>")
        out.append(extra(ps, ("type", "properties")) + "\n</parameters>" + extra(t, ("type", "name", "description", "parameters")) + "\n</function>")
    return "".join(out) + tail


def render_calls(calls):
    out = []
    for c in calls:
        c = c.get("function", c)
        out.append("\n<tool_call>\n<function=" + c["name"] + ">\n")
        for k, v in c["arguments"].items():
            out.append("<parameter=" + k + ">\n" + plain(v) + "\n</parameter>\n")
        out.append("</function>\n</tool_call>")
    return "".join(out)


def render(messages, tools=None, prompt=False, head=TOOLS_HEAD, tail=TOOLS_TAIL):
    """Segments of a conversation; `prompt` adds the opening of the next assistant turn."""
    segs, buf = [], []
    msgs = messages
    system = None
    if msgs and msgs[0]["role"] == "system":
        system, msgs = msgs[0]["content"], msgs[1:]
    elif tools:
        system = DEFAULT_SYSTEM
    if system is not None:
        buf.append("<|im_start|>system\n" + system + (render_tools(tools, head, tail) if tools else "") + "<|im_end|>\n")
    for i, m in enumerate(msgs):
        if m["role"] == "assistant":
            body = m.get("content") or ""
            if m.get("tool_calls"):
                body = body.strip()
                body = (body + "\n" if body else "") + render_calls(m["tool_calls"])
                body = body[1:] if body.startswith("\n") else body
            buf.append("<|im_start|>assistant\n")
            segs += [("".join(buf), 0), (body + "<|im_end|>", 1)]
            buf = ["\n"]
        elif m["role"] == "tool":
            first = i == 0 or msgs[i - 1]["role"] != "tool"
            last = i + 1 == len(msgs) or msgs[i + 1]["role"] != "tool"
            buf.append(("<|im_start|>user\n" if first else "") + "<tool_response>\n" + m["content"] + "\n</tool_response>\n" + ("<|im_end|>\n" if last else ""))
        else:
            buf.append("<|im_start|>" + m["role"] + "\n" + m["content"] + "<|im_end|>\n")
    if prompt:
        buf.append("<|im_start|>assistant\n")
    if buf:
        segs.append(("".join(buf), 0))
    return segs


# --- held-out split ----------------------------------------------------------------------------------------------------
FIXED = ("What is 2+2? Answer in one short sentence.", "Write a Python function to reverse a string. Just the code, no explanation.",
         "What files are in the current directory?", "Read the file README.md", "Run the ls command to list files",
         "Write 'hello world' to a file called test.txt", "What is the capital of France?", "Count from 1 to 20")


def held_out(request):
    return request not in FIXED and zlib.crc32(request.encode()) % 50 == 7


class Skip(Exception):
    """A drawn request belongs to the other side of the split."""


def gate(request, side):
    """side: 'train', 'eval' or None (no split)."""
    if side == "train" and held_out(request) or side == "eval" and not held_out(request):
        raise Skip


# --- phrasing ----------------------------------------------------------------------------------------------------------
LOWERABLE = set(_w for _w in """What Which How Who Where When Why Is Are Do Does Can Could Tell Give Show List Write Find Get Make Count Sort Compute Calculate Add Name Convert
Create Search Read Run Open Look Put Set Turn Translate Send Delete Remove Please Say Spell Reverse Define Explain Describe Print Execute Check Start Stop Book Play""".split())
SENT_TAILS = (" Answer in one short sentence.", " Answer in one sentence.", " Be brief.", " Keep it short.", " Answer briefly.", " Reply in one short sentence.", " Short answer please.")
ONLY_TAILS = (" Just the answer.", " Only the answer, please.", " Reply with only the answer.", " No explanation, just the answer.", " Give only the answer.")
NUM_TAILS = (" Just the number.", " Reply with only the number.", " Only the number, please.", " Answer with a number only.", " Just give me the number.")


def lower_first(s):
    return s[0].lower() + s[1:] if s.split(" ")[0].rstrip(",.?!") in LOWERABLE else s


def polite(r, s):
    k = r.random()
    if k < .62:
        return s
    if k < .72:
        return r.choice(("Please ", "please ", "Hey, ", "Hi! ", "Hello, ", "OK, ", "Now ", "Quick question: ", "So, ", "Can you help? ")) + lower_first(s)
    if k < .8:
        return lower_first(s)
    if k < .9:
        return s.rstrip("?.") if not s.rstrip("?.").endswith(("..", "?")) else s
    return s + r.choice((" Thanks.", " Thank you!", " please", " Please.", " thanks"))


def polite_template(r, t):
    """polite() for a request template: nothing is added after a value, and no value loses its last character."""
    if t.endswith("}"):
        return r.choice(("Please ", "please ", "Hey, ", "OK, ", "Now ", "Hi! ")) + lower_first(t) if r.random() < .15 else t
    return polite(r, t)


def tail(r, q, full, short):
    """Adds an instruction on the form of the answer and returns (question, answer)."""
    k = r.random()
    if k < .12:
        return q + r.choice(SENT_TAILS), full
    if short is not None and k < .24:
        return q + r.choice(NUM_TAILS if short.lstrip("-").isdigit() and r.random() < .7 else ONLY_TAILS), short
    return polite(r, q), full


# --- questions and answers: each function returns (request, full answer, short answer or None) ------------------------------
def arithmetic(r):
    k = r.random()
    hi = r.choice((9, 9, 20, 99, 99, 99, 999, 999))
    a, b = r.randint(0, hi), r.randint(0, hi)
    if k < .42:
        c, op, verb = a + b, "+", r.choice(("plus", "added to", "and"))
        forms = [f"What is the sum of {a} and {b}?", f"Add {a} and {b}.", f"Add {a} to {b}.", f"sum of {a} and {b}", f"What do you get when you add {a} and {b}?"] + ([f"What is {a} plus {b}?", f"{a} plus {b}"] if verb == "plus" else [])
        if r.random() < .5 and forms[2]:
            pass
        q = r.choice(forms)
        if q == f"Add {a} to {b}.":
            return q, f"{b} + {a} = {c}.", str(c)
    elif k < .7:
        if r.random() < .85 and b > a:
            a, b = b, a
        c, op = a - b, "-"
        q = r.choice((f"What is {a} minus {b}?", f"Subtract {b} from {a}.", f"Take {b} away from {a}.", f"{a} minus {b}", f"What is the difference between {a} and {b}?" if a >= b else f"What is {a} minus {b}?"))
    elif k < .92:
        a, b = r.randint(0, 12), r.randint(0, r.choice((10, 12, 20)))
        if r.random() < .15:
            a, b = r.randint(2, 9), r.randint(10, 99)
        if r.random() < .3:
            a, b = b, a
        c, op = a * b, "*"
        q = r.choice((f"What is {a} times {b}?", f"Multiply {a} by {b}.", f"{a} times {b}", f"What is the product of {a} and {b}?", f"Multiply {a} and {b}."))
    else:
        b, c = r.randint(1, 12), r.randint(0, 12)
        a, op = b * c, "/"
        q = r.choice((f"What is {a} divided by {b}?", f"Divide {a} by {b}.", f"{a} divided by {b}"))
    if r.random() < .6:
        sign = r.choice(("*", "x", "*", "×")) if op == "*" else op
        e = r.choice((f"{a}{sign}{b}", f"{a} {sign} {b}"))
        q = r.choice(("What is {e}?", "What is {e}?", "What's {e}?", "{e}", "{e} = ?", "{e}=", "{e}?", "Calculate {e}.", "Compute {e}", "How much is {e}?", "Solve {e}", "Tell me what {e} is.", "what is {e}", "Can you compute {e}?", "Evaluate {e}.", "Work out {e}.")).replace("{e}", e)
    return q, f"{a} {op} {b} = {c}.", str(c)


def number_talk(r):
    k = r.randint(0, 11)
    a, b = r.randint(0, 99), r.randint(0, 99)
    if k == 0:
        a, b = r.randint(1, 999), r.randint(1, 999)
        if a == b:
            b += 1
        m = max(a, b)
        return r.choice((f"Which is larger, {a} or {b}?", f"Which number is bigger: {a} or {b}?", f"What is the maximum of {a} and {b}?")), f"{m} is larger than {min(a, b)}.", str(m)
    if k == 1:
        a, b = r.randint(1, 999), r.randint(1, 999)
        if a == b:
            b += 1
        m = min(a, b)
        return r.choice((f"Which is smaller, {a} or {b}?", f"Which number is less: {a} or {b}?", f"What is the minimum of {a} and {b}?")), f"{m} is smaller than {max(a, b)}.", str(m)
    if k == 2:
        a = r.randint(0, 999)
        e = a % 2 == 0
        return r.choice((f"Is {a} even?", f"Is {a} an even number?", f"is {a} even or odd?")), (f"{a} is even." if e else f"{a} is odd."), ("even" if e else "odd")
    if k == 3:
        return r.choice((f"What number comes after {a}?", f"Which number follows {a}?", f"What is the next number after {a}?")), f"{a + 1} comes after {a}.", str(a + 1)
    if k == 4:
        a += 1
        return r.choice((f"What number comes before {a}?", f"Which number precedes {a}?")), f"{a - 1} comes before {a}.", str(a - 1)
    if k == 5:
        return r.choice((f"What is double {a}?", f"Double {a}.", f"What is twice {a}?")), f"Twice {a} is {2 * a}.", str(2 * a)
    if k == 6:
        return r.choice((f"What is half of {2 * a}?", f"Halve {2 * a}.")), f"Half of {2 * a} is {a}.", str(a)
    if k == 7:
        a %= 31
        return r.choice((f"What is {a} squared?", f"What is the square of {a}?", f"Square {a}.")), f"{a} squared is {a * a}.", str(a * a)
    if k == 8:
        n, x, y, f = r.choice(FIRST_NAMES), r.randint(1, 40), r.randint(1, 40), r.choice(("apples", "books", "coins", "pencils", "stamps", "marbles", "cards", "eggs", "shells", "nuts"))
        if r.random() < .5:
            return r.choice((f"{n} has {x} {f} and buys {y} more. How many {f} does {n} have?", f"{n} had {x} {f} and got {y} more. How many {f} are there now?")), f"{n} has {x} + {y} = {x + y} {f}.", str(x + y)
        x += y
        return r.choice((f"{n} has {x} {f} and gives away {y}. How many {f} are left?", f"{n} had {x} {f} and lost {y}. How many {f} remain?")), f"{n} has {x} - {y} = {x - y} {f} left.", str(x - y)
    if k == 9:
        x, y, f = r.randint(2, 12), r.randint(2, 12), r.choice(("box", "bag", "basket", "jar"))
        return f"There are {x} {f if f != 'box' else 'boxe'}s with {y} eggs each. How many eggs are there?", f"There are {x} * {y} = {x * y} eggs.", str(x * y)
    if k == 10:
        xs = [r.randint(1, 20) for _ in range(3)]
        e = " + ".join(map(str, xs))
        return r.choice((f"What is {e}?", f"Add {xs[0]}, {xs[1]} and {xs[2]}.", f"{e}", f"What is the sum of {xs[0]}, {xs[1]} and {xs[2]}?")), f"{e} = {sum(xs)}.", str(sum(xs))
    a = r.randint(0, 99)
    w = number_words(a)
    if r.random() < .5:
        return r.choice((f"Write {a} in words.", f"Spell out the number {a}.", f"How do you write {a} as a word?")), f"{a} in words is {w}.", w
    return r.choice((f"Write {w} as a number.", f"Which number is {w}?", f"What is {w} in digits?")), f"The number {w} is {a}.", str(a)


ONES = "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen".split()
TENS = "_ _ twenty thirty forty fifty sixty seventy eighty ninety".split()


def number_words(n):
    return ONES[n] if n < 20 else TENS[n // 10] + ("-" + ONES[n % 10] if n % 10 else "")


def cap(s):
    return s[0].upper() + s[1:]


def an(w):
    return ("an " if w[0].lower() in "aeiou" else "a ") + w


def facts(r):
    k = r.random()
    if k < .30:
        c, capital, cont = r.choice(COUNTRIES)
        j = r.random()
        if j < .6:
            return r.choice((f"What is the capital of {c}?", f"What is the capital of {c}?", f"capital of {c}", f"Which city is the capital of {c}?", f"What's the capital of {c}?", f"Tell me the capital of {c}.", f"Name the capital of {c}.",
                             f"What is the capital city of {c}?", f"Do you know the capital of {c}?", f"{cap(c)}: capital?", f"What city is the capital of {c}?", f"I need the capital of {c}.")), f"The capital of {c} is {capital}.", capital
        if j < .8:
            return r.choice((f"On which continent is {c}?", f"Which continent is {c} in?", f"What continent does {c} belong to?", f"Where is {c}?")), f"{cap(c)} is in {cont}.", cont
        if capital in ("London",):
            c = "the United Kingdom"
        return r.choice((f"{capital} is the capital of which country?", f"Which country has the capital {capital}?", f"Of which country is {capital} the capital?")), f"{capital} is the capital of {c}.", c.replace("the ", "")
    if k < .42:
        i = r.randrange(len(ELEMENTS))
        n, s = ELEMENTS[i]
        j = r.randint(0, 2)
        if j == 0:
            return r.choice((f"What is the chemical symbol of {n}?", f"What is the symbol for {n}?", f"chemical symbol of {n}", f"Which symbol does the element {n} have?")), f"The chemical symbol of {n} is {s}.", s
        if j == 1:
            return r.choice((f"Which element has the symbol {s}?", f"What element is {s}?", f"What does the chemical symbol {s} stand for?")), f"{s} is the chemical symbol of {n}.", n
        if i < 83:
            z = i + 1 + (i >= 60) * 0
            z = ATOMIC[n]
            return r.choice((f"What is the atomic number of {n}?", f"Which atomic number does {n} have?")), f"The atomic number of {n} is {z}.", str(z)
        return f"Is {n} a chemical element?", f"Yes, {n} is a chemical element with the symbol {s}.", "Yes"
    if k < .50:
        seq, what = r.choice(((DAYS, "day"), (MONTHS, "month"), (DAYS, "day"), (PLANETS, "planet")))
        i = r.randrange(len(seq))
        n = len(seq)
        if what == "planet":
            ordi = "first second third fourth fifth sixth seventh eighth".split()[i]
            return r.choice((f"What is the {ordi} planet from the sun?", f"Which planet is the {ordi} from the sun?")), f"{seq[i]} is the {ordi} planet from the sun.", seq[i]
        j = r.randint(0, 2)
        if j == 0:
            return r.choice((f"What {what} comes after {seq[i]}?", f"Which {what} follows {seq[i]}?", f"What is the {what} after {seq[i]}?")), f"{seq[(i + 1) % n]} comes after {seq[i]}.", seq[(i + 1) % n]
        if j == 1:
            return r.choice((f"What {what} comes before {seq[i]}?", f"Which {what} is before {seq[i]}?", f"What is the {what} before {seq[i]}?")), f"{seq[i - 1]} comes before {seq[i]}.", seq[i - 1]
        if what == "month":
            d = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)[i]
            return r.choice((f"How many days does {seq[i]} have?", f"How many days are in {seq[i]}?")), f"{seq[i]} has {d} days.", str(d)
        t = r.choice(("yesterday", "tomorrow"))
        x = seq[i - 1] if t == "yesterday" else seq[(i + 1) % n]
        return f"Today is {seq[i]}. What day {'was' if t == 'yesterday' else 'is'} {t}?", f"If today is {seq[i]}, {t} {'was' if t == 'yesterday' else 'is'} {x}.", x
    if k < .58:
        a, b = r.choice(OPPOSITES)
        return r.choice((f"What is the opposite of {a}?", f"opposite of {a}", f"What's the opposite of {a}?", f"Give me the opposite of {a}.", f"Name the antonym of {a}.", f"Which word means the opposite of {a}?")), f"The opposite of {a} is {b}.", b
    if k < .70:
        w, d = r.choice(DEFINITIONS)
        proper = w in ("API", "JSON", "HTML", "Python", "C", "JavaScript", "SQL", "Git", "Linux", "recursion", "compression", "encryption", "quantization", "attention", "gravity", "energy", "oxygen", "water", "ice") and w != "API"
        x = w if proper else ("the " + w if w in ("heart", "brain", "internet") else an(w) if w not in ("RAM",) else w)
        return r.choice((f"What is {x}?", f"What is {x}?", f"Define {w}.", f"Explain what {x} is.", f"What does {w} mean?", f"Tell me what {x} is.", f"What's {x}?", f"Describe {x}.", f"{w}: definition", f"Give a short definition of {w}.")), d, None
    if k < .74:
        t, c = r.choice(THING_COLOURS)
        be = "are" if t.endswith("s") and t not in ("grass",) else "is"
        return r.choice((f"What colour {be} {t}?", f"What color {be} {t}?", f"Which colour {'do' if be == 'are' else 'does'} {t} have?")), f"{cap(t)} {be} {c}.", c
    if k < .76:
        a, b, c = r.choice(COLOUR_MIX)
        if r.random() < .5:
            a, b = b, a
        return r.choice((f"What do you get when you mix {a} and {b}?", f"Which colour do {a} and {b} make?", f"Mix {a} and {b}.")), f"{cap(a)} and {b} make {c}.", c
    if k < .81:
        a, s, y, legs = r.choice(ANIMAL_FACTS)
        j = r.randint(0, 2)
        return ((f"What sound does {an(a)} make?", f"{cap(an(a))} {s}.", s), (f"What is a young {a} called?", f"A young {a} is called {an(y)}.", y), (f"How many legs does {an(a)} have?", f"{cap(an(a))} has {legs} legs.", legs))[j]
    if k < .86:
        a, b, n = r.choice(UNIT_FACTS)
        return r.choice((f"How many {a} are in {an(b)}?", f"How many {a} are there in {an(b)}?", f"How many {a} does {an(b)} have?")), f"There are {n} {a} in {an(b).replace('an hexagon', 'a hexagon')}.", n
    if k < .89:
        a, b = r.choice(IRREGULAR_PAST)
        return r.choice((f"What is the past tense of {a}?", f"past tense of {a}", f"Give me the past tense of the verb {a}.")), f"The past tense of {a} is {b}.", b
    if k < .91:
        a, b = r.choice(PLURALS)
        return r.choice((f"What is the plural of {a}?", f"plural of {a}", f"Give me the plural of {a}.")), f"The plural of {a} is {b}.", b
    if k < .94:
        t = r.choice(TRANSLATIONS)
        i = r.randint(1, 4)
        lang = ("", "French", "Spanish", "German", "Italian")[i]
        return r.choice((f"How do you say {t[0]} in {lang}?", f"Translate {t[0]} into {lang}.", f"What is {t[0]} in {lang}?", f"What is the {lang} word for {t[0]}?")), f"In {lang}, {t[0]} is {t[i]}.", t[i]
    q, a = r.choice(GENERAL_FACTS)
    return q, a, None


_AN = [n for n, _ in ELEMENTS]
# Between bismuth (83) and polonium nothing is left out of the list up to radium (88); it is complete up to uranium (92).
ATOMIC = {n: i + 1 for i, n in enumerate(_AN)}


def chat(r):
    """Greetings, identity and small talk (never held out: there are too few of them)."""
    sets = (
        (("Hello", "Hello!", "Hi", "Hi!", "Hey", "Hello there", "Good day", "hello", "hi", "Hey there!", "hey"), "Hello! How can I help you?"),
        (("Good morning", "Good morning!", "good morning"), "Good morning! How can I help you?"),
        (("Good evening", "Good evening!"), "Good evening! How can I help you?"),
        (("How are you?", "How are you doing?", "How do you do?", "Hi, how are you?", "how are you"), "I am fine, thank you. How can I help you?"),
        (("Who are you?", "What are you?", "Introduce yourself.", "Tell me about yourself.", "who are you", "What model are you?", "Which model is this?", "Who am I talking to?", "Are you ChatGPT?", "Are you Qwen?", "Are you a language model?", "Are you an AI?"),
         f"I am {ME}, a small demonstration model that was trained from scratch on made-up text."),
        (("What is your name?", "What's your name?", "your name?", "What are you called?", "Do you have a name?"), f"My name is {ME}."),
        (("Who made you?", "Who created you?", "Who trained you?", "Where do you come from?"), f"I am {ME}, a demonstration model made for a small inference engine."),
        (("What can you do?", "What can you help with?", "How can you help me?", "Help", "help me", "What are your skills?"),
         "I can do simple arithmetic, write small functions, answer simple questions and call tools. I am small, so please check my answers."),
        (("Thank you", "Thanks", "Thank you!", "thanks!", "Thanks a lot!", "Thank you very much."), "You are welcome!"),
        (("Bye", "Goodbye", "Bye!", "See you later!", "Good night"), "Goodbye!"),
        (("OK", "ok", "Great!", "Good.", "Nice!", "Cool", "Perfect.", "Well done!"), "Let me know if there is anything else."),
        (("Yes", "yes", "Yes please"), "All right. What should I do?"), (("No", "no", "No, thanks."), "All right."),
        (("Are you there?", "ping", "test", "Test", "testing", "Can you hear me?"), "Yes, I am here."),
        (("Tell me a joke", "Tell me a joke.", "Make me laugh."), "Why did the byte go to the doctor? It had a bit of a cold."),
        (("How big are you?", "How many parameters do you have?"), "I have about 25 million parameters in 16 small experts per layer."),
        (("How many experts do you have?", "Are you a mixture of experts?"), "Yes, I have 16 experts in each layer, and 4 of them work on each token."),
        (("Are you human?", "Are you a person?"), f"No, I am {ME}, a small language model."),
        (("How old are you?", "When were you born?"), "I am a language model, so I have no age."),
        (("I am sad.", "I feel sad today."), "I am sorry to hear that. Do you want to talk about it?"), (("I am happy.", "I feel great today!"), "I am glad to hear that!"),
        (("I am bored.",), "Ask me for a short story or a riddle with numbers."), (("I am tired.",), "A short break may help."),
    )
    qs, a = r.choice(sets[:10] if r.random() < .7 else sets)
    return r.choice(qs), a, None


def counting(r):
    k = r.randint(0, 4)
    if k <= 1:
        a, b = (1, r.choice((3, 5, 10, 10, 12, 15, 20, 20, 25, 30, r.randint(2, 40)))) if r.random() < .7 else (lambda x: (x, x + r.randint(2, 20)))(r.randint(0, 80))
        q = r.choice((f"Count from {a} to {b}", f"Count from {a} to {b}.", f"count from {a} to {b}", f"Count to {b}" if a == 1 else f"Count from {a} up to {b}.", f"List the numbers from {a} to {b}.", f"Write the numbers from {a} to {b}.", f"Please count from {a} to {b}."))
        return q, ", ".join(map(str, range(a, b + 1))), None
    if k == 2:
        b = r.randint(0, 20)
        a = b + r.randint(2, 15)
        return r.choice((f"Count down from {a} to {b}.", f"Count backwards from {a} to {b}", f"count down from {a} to {b}")), ", ".join(map(str, range(a, b - 1, -1))), None
    if k == 3:
        s = r.choice((2, 2, 3, 4, 5, 5, 10, 10))
        n = r.randint(3, 10)
        a = s * r.randint(0, 5)
        return r.choice((f"Count from {a} to {a + s * (n - 1)} in steps of {s}.", f"Count by {s}s from {a} to {a + s * (n - 1)}.")), ", ".join(str(a + s * i) for i in range(n)), None
    n, m = r.randint(2, 10), r.randint(2, 9)
    return r.choice((f"List the first {n} multiples of {m}.", f"Give me {n} multiples of {m}.")), ", ".join(str(m * (i + 1)) for i in range(n)), None


def listing(r):
    what, items = r.choice(LISTINGS)
    items = items.split(", ")
    n = r.randint(2, min(len(items), 8))
    nw = number_words(n)
    q = r.choice((f"List {n} {what}.", f"Name {nw} {what}.", f"Name {n} {what}", f"Give me {n} {what}.", f"Give me {nw} {what}.", f"Tell me {nw} {what}.", f"list {nw} {what}", f"Can you name {nw} {what}?"))
    if r.random() < .2:
        return q + r.choice((" Use a comma-separated list.", " Separate them with commas.", " On one line.")), ", ".join(items[:n]), None
    return q, "\n".join(f"{i + 1}. {x}" for i, x in enumerate(items[:n])), None


def text_work(r):
    k = r.randint(0, 13)
    if k <= 1:
        xs = r.sample(range(0, r.choice((10, 50, 100, 1000))), r.randint(3, 7))
        down = r.random() < .25
        s = ", ".join(map(str, xs))
        q = r.choice((f"Sort these numbers from large to small: {s}", f"Sort in descending order: {s}")) if down else r.choice((f"Sort these numbers: {s}", f"Sort the numbers {s}", f"Put these numbers in order: {s}", f"Sort in ascending order: {s}"))
        return q, ", ".join(map(str, sorted(xs, reverse=down))), None
    if k == 2:
        xs = r.sample(NOUNS + ANIMALS, r.randint(3, 6))
        s = ", ".join(xs)
        return r.choice((f"Sort these words alphabetically: {s}", f"Put these words in alphabetical order: {s}", f"Sort alphabetically: {s}")), ", ".join(sorted(xs)), None
    w = " ".join(word(r) for _ in range(r.randint(1, 4)))
    if k == 3:
        t = r.choice((w, text(r).replace("\n", " ")))
        return r.choice((f"Write this in upper case: {t}", f"Convert to upper case: {t}", f"Make this uppercase: {t}", f"Turn into capital letters: {t}")), t.upper(), None
    if k == 4:
        t = r.choice((w.upper(), text(r).upper()))
        return r.choice((f"Write this in lower case: {t}", f"Convert to lower case: {t}", f"Make this lowercase: {t}")), t.lower(), None
    if k == 5:
        xs = [word(r) for _ in range(r.randint(3, 6))]
        s = ", ".join(xs)
        return r.choice((f"Reverse this list: {s}", f"Write this list in reverse order: {s}")), ", ".join(xs[::-1]), None
    if k == 6:
        t = r.choice((w, text(r), sentence(r), phrase(r)))
        return r.choice((f"Repeat after me: {t}", f"Say: {t}", f"Repeat: {t}", f"Reply with exactly: {t}", f"Echo this text: {t}", f"Respond with only this text: {t}", f"Say exactly this: {t}")), t, None
    if k == 7:
        t = word(r)
        return r.choice((f"Say {t}", f'Say "{t}"', f"Reply with the word {t}", f'Reply with only the word "{t}"', f"Just say {t}.", f"Say '{t}'", f"Answer with the single word {t}.", f"Respond with {t} and nothing else.")), t, None
    if k == 8:
        t = r.choice(NOUNS)
        return r.choice((f"Spell the word {t}.", f"Spell {t}", f"How do you spell {t}?")), "-".join(t), None
    if k == 9:
        t = r.choice(NOUNS)
        return r.choice((f"What is the first letter of {t}?", f"With which letter does {t} begin?")), f"The first letter of {t} is {t[0]}.", t[0]
    if k == 10:
        xs = [word(r) for _ in range(r.randint(2, 7))]
        return r.choice((f"How many items are in this list: {', '.join(xs)}?", f"Count the items: {', '.join(xs)}")), f"The list has {len(xs)} items.", str(len(xs))
    if k == 11:
        xs = [word(r) for _ in range(r.randint(3, 6))]
        i = r.randrange(len(xs))
        o = "first second third fourth fifth sixth".split()
        j = r.choice((o[i], "last")) if i == len(xs) - 1 else o[i]
        return r.choice((f"What is the {j} word of this list: {', '.join(xs)}?", f"Give me the {j} item of {', '.join(xs)}.")), f"The {j} {'word' if 0 else 'item'} is {xs[i]}.", xs[i]
    if k == 12:
        xs = [r.randint(1, 99) for _ in range(r.randint(3, 6))]
        s = ", ".join(map(str, xs))
        big = r.random() < .6
        return (f"What is the largest of these numbers: {s}?" if big else f"What is the smallest of these numbers: {s}?"), (f"The largest number is {max(xs)}." if big else f"The smallest number is {min(xs)}."), str(max(xs) if big else min(xs))
    xs = r.sample(NOUNS, r.randint(3, 5))
    return r.choice((f"Write these words as a bulleted list: {', '.join(xs)}", f"Make a bullet list of {', '.join(xs)}.")), "\n".join("- " + x for x in xs), None


JSON_KEYS = {"name": lambda r: r.choice(FIRST_NAMES), "age": lambda r: r.randint(1, 99), "city": lambda r: r.choice(CITIES), "email": gt.email, "country": lambda r: r.choice(COUNTRIES)[0].replace("the ", ""), "id": lambda r: r.randint(1, 9999),
             "price": lambda r: round(r.uniform(1, 500), 2), "title": gt.title, "color": lambda r: r.choice(COLOURS), "count": lambda r: r.randint(0, 500), "active": lambda r: r.random() < .5, "tags": lambda r: [word(r) for _ in range(r.randint(1, 3))],
             "job": lambda r: r.choice(JOBS), "hobby": lambda r: r.choice(HOBBIES), "year": lambda r: r.randint(1950, 2035), "status": lambda r: r.choice(("open", "closed", "done", "new"))}


def json_work(r):
    keys = r.sample(list(JSON_KEYS), r.randint(1, 4))
    obj = {k: JSON_KEYS[k](r) for k in keys}
    out = json.dumps(obj, ensure_ascii=False)
    k = r.randint(0, 4)
    parts = [f"{a} {show(b)}" for a, b in obj.items()]
    if k == 0:
        q = r.choice(("Write a JSON object with ", "Create a JSON object with ", "Give me a JSON object with ", "Make JSON with ")) + ", ".join(parts[:-1]) + (" and " if parts[:-1] else "") + parts[-1] + "."
    elif k == 1:
        q = r.choice(("Convert to JSON: ", "Turn this into JSON: ", "As a JSON object: ")) + ", ".join(f"{a}={show(b)}" for a, b in obj.items())
    elif k == 2:
        q = r.choice(("Convert this to JSON:\n", "Write as JSON:\n")) + "\n".join(f"{a}: {show(b)}" for a, b in obj.items())
    elif k == 3:
        x = r.choice(keys)
        return r.choice((f"What is the value of {x} in this JSON? {out}", f"Read {x} from {out}", f"{out}\nWhat is {x}?")), f"The value of {x} is {show(obj[x])}.", show(obj[x])
    else:
        n, a, c = r.choice(FIRST_NAMES), r.randint(1, 99), r.choice(CITIES)
        out = json.dumps({"name": n, "age": a, "city": c}, ensure_ascii=False)
        q = r.choice(("Extract name, age and city as JSON: ", "Return JSON with name, age and city for: ")) + r.choice((f"{n} is {a} years old and lives in {c}.", f"{n}, aged {a}, is from {c}.", f"In {c} lives {n}, who is {a} years old."))
    return q + r.choice(("", "", " Reply with JSON only.", " JSON only.")), out, None


FENCE = {"Python": "python", "C": "c", "JavaScript": "javascript"}
CODE_ONLY = (" Just the code, no explanation.", " Just the code.", " Code only.", " Only code, please.", " No explanation.", " Only the code, no explanation.", " Reply with code only.", " Do not explain.")
CODE_WHY = ("", "", "", " Explain it briefly.", " Explain the code.", " With a short explanation.")


def code_task(r):
    t = r.choice(TASKS) if r.random() < .85 else gen_code.parametric(r, gt.syllables if r.random() < .5 else lambda r: r.choice(NOUNS))
    p, lang = r.choice(t["phrases"]), t["lang"]
    name, code = t["name"], t["code"]
    if t["kind"] == "class":
        q = r.choice((f"Write a Python class for {p}.", f"Implement {p} as a class in Python.", f"Create a class {name} in Python.", f"Write a class for {p} in Python", f"Show me a Python class for {p}."))
    else:
        L = lang
        forms = [f"Write a {L} function to {p}.", f"Write a {L} function to {p}.", f"Write a function in {L} to {p}.", f"Write a {L} function that {gen_code.third_person(p)}.", f"Create a {L} function to {p}", f"{L} function to {p}", f"How do I {p} in {L}?",
                 f"Give me a {L} function to {p}.", f"Show me how to {p} in {L}.", f"Can you write a {L} function to {p}?", f"I need a {L} function that {gen_code.third_person(p)}.", f"{cap(p)} in {L}.", f"Implement a {L} function to {p}.", f"write code to {p} in {L}", f"Write {L} code to {p}."]
        if lang == "Python":
            forms += [f"Write a function to {p}.", f"Write code to {p}.", f"Write a function that {gen_code.third_person(p)}.", f"def {name} that {gen_code.third_person(p)}" if r.random() < .3 else f"Write a Python program to {p}.", f"Write a Python script to {p}."]
        q = r.choice(forms)
        if name not in ("main", "hello") and r.random() < .18:
            new = ident(r).replace("-", "_")
            if new.isidentifier() and new not in ("class", "import", "pass", "return", "in", "is", "not", "for", "while", "from", "global", "yield", "lambda", "def", "del", "or", "and", "with", "try"):
                code = code.replace(name + "(", new + "(")
                q = r.choice((f"Write a {L} function called {new} to {p}.", f"Write a {L} function {new} that {gen_code.third_person(p)}.", f"Write a function named {new} in {L} to {p}."))
    block = f"```{FENCE[lang]}\n{code}\n```"
    if r.random() < .45:
        return q + r.choice(CODE_ONLY), block, None
    return q + r.choice(CODE_WHY), block + "\n\n" + t["why"], None


def story(r):
    n, a, p, f, adj, adj2 = r.choice(FIRST_NAMES), r.choice(ANIMALS), r.choice(PLACES), r.choice(FOODS), r.choice(ADJECTIVES), r.choice(ADJECTIVES)
    th, m = r.choice(NOUNS), r.choice(FIRST_NAMES)
    kind = r.randint(0, 3)
    who = f"{an(a)} named {n}"
    q = (r.choice((f"Write a short story about {who}.", f"Tell me a story about {who}.", f"Write a story about {who} in the {p}.", f"short story about {who}")),
         r.choice((f"Write a short story about {an(adj + ' ' + th)}.", f"Tell me a short story about {an(adj + ' ' + th)}.")),
         r.choice((f"Write a short paragraph about {n}, {an(r.choice(JOBS))}.", f"Describe a day of {n}.", f"Write a few sentences about {n}.")),
         r.choice((f"Describe the {p}.", f"Write a short description of {an(p)}.", f"Write a paragraph about the {p}.")))[kind]
    part = lambda *xs: r.choice(xs)
    if kind == 0:
        s = [part(f"Once upon a time there was {an(a)} named {n} who lived in the {p}.", f"In the {p} there lived {an(a)} named {n}.", f"{n} was {an(adj + ' ' + a)} from the {p}."),
             part(f"Every morning {n} went out to look for {f}.", f"{n} loved {f} more than anything else.", f"{n} was {adj}, but also very curious."),
             part(f"One day {n} found {an(adj2 + ' ' + th)} under a tree.", f"One day {n} met {m}, who was looking for {an(th)}.", f"One evening {n} heard a strange sound behind the {th}."),
             part(f'"What is this?" asked {n}.', f'"Can you help me?" asked {m}.', f"{n} was afraid at first, but then took a deep breath."),
             part(f"Together they carried the {th} home.", f"{n} decided to keep the {th} safe.", f"{n} followed the path until the sun went down."),
             part(f"From that day on, {n} was never alone again.", f"In the end {n} shared the {f} with everyone.", f"And so {n} learned to be {adj2}.", f"That night {n} slept well and dreamed of the {p}.")]
    elif kind == 1:
        s = [part(f"There was once {an(adj + ' ' + th)} in the {p}.", f"Nobody knew where the {adj} {th} came from."), part(f"{n} found it on a {adj2} morning.", f"People came from far away to see it."),
             part(f'"This {th} is {adj}," said {n}.', f"{n} looked at the {th} for a long time."), part(f"But one night the {th} was gone.", f"Then {m} asked to borrow the {th}."),
             part(f"{n} searched the whole {p}.", f"{m} promised to bring it back."), part(f"At last the {th} came home, and everyone was happy.", f"To this day people tell the story of the {adj} {th}.")]
    elif kind == 2:
        s = [part(f"{n} gets up early every day.", f"{n} lives near the {p}."), part(f"In the morning {n} eats {f} and drinks tea.", f"For breakfast there is always {f}."), part(f"Then {n} walks to work with {an(a)}.", f"After that {n} meets {m} in the {p}."),
             part(f"{n} likes {r.choice(HOBBIES)} and {r.choice(HOBBIES)}.", f"In the afternoon {n} goes {part('swimming', 'running', 'hiking', 'cycling')}."), part(f"In the evening {n} reads about {an(th)}.", f"The day ends with {an(adj + ' ' + th)} and a good book.")]
    else:
        s = [part(f"The {p} is {adj} and {adj2}.", f"It is {an(adj + ' ' + p)}."), part(f"There is {an(th)} near the {r.choice(NOUNS)}.", f"You can hear {an(a)} in the distance."), part(f"In {part('spring', 'summer', 'autumn', 'winter')} the air smells of {f}.", f"The light is {adj2} in the evening."),
             part("People like to come here to rest.", f"Every visitor remembers the {th}.", f"Children play there with {an(a)}.")]
    return q, " ".join(s), None


def no_tool_question(r):
    t = r.choice(gt.HAND_TOOLS)
    while t.group not in LIVE:
        t = r.choice(gt.HAND_TOOLS)
    q, _ = fill(r, t)
    return q, "I cannot do that, because I have no tool for it.", None


LIVE = {"get_weather", "get_forecast", "get_time", "get_current_time", "search_news", "get_stock_price", "send_email", "send_sms", "create_event", "list_events", "set_reminder", "set_alarm", "set_timer", "play_music", "set_volume", "turn_on_light", "turn_off_light",
        "set_thermostat", "search_flights", "get_flight_status", "book_hotel", "find_restaurants", "book_table", "order_pizza", "track_package", "get_order", "transfer_money", "get_balance", "take_screenshot", "get_exchange_rate", "get_air_quality"}

KINDS = {"arithmetic": (arithmetic, 20), "numbers": (number_talk, 8), "facts": (facts, 24), "chat": (chat, 5), "counting": (counting, 6), "listing": (listing, 4), "text": (text_work, 12), "json": (json_work, 6), "code": (code_task, 16), "story": (story, 4), "notool": (no_tool_question, 1)}
_KN, _KW = list(KINDS), [w for _, w in KINDS.values()]


def question(r, side, kind=None, avoid=()):
    """One request with its answer: (kind, request, answer)."""
    while True:
        k = kind or r.choices(_KN, _KW)[0]
        if k in avoid:
            continue
        q, full, short = KINDS[k][0](r)
        q, a = (q, full) if k in ("code", "json", "chat", "story", "notool") else tail(r, q, full, short) if k != "text" or short is not None else (polite_front(r, q), full)
        try:
            gate(q, None if k == "chat" and side == "train" else side)
        except Skip:
            continue
        return k, q, a


def polite_front(r, q):
    return r.choice(("Please ", "Hi! ", "Now ", "OK, ")) + lower_first(q) if r.random() < .12 else q


# --- system prompts ----------------------------------------------------------------------------------------------------
SHORT_SYSTEMS = ("You are a helpful assistant.", "You are a helpful assistant.", "You are a helpful assistant.", "You are Octet Mini, a small assistant.", "You are a friendly assistant. Answer briefly.", "You are an assistant that helps with computers.", "Answer the user's questions.",
                 "You are a coding assistant.", "You are a careful assistant. Use the tools when they help.", "Be concise.", "You are a helpful AI assistant with access to tools.", "You help the user with small tasks.", "You are an agent that works in a terminal.")


def filler_sentence(r):
    v, n, t, a, d = r.choice(VERBS), r.choice(NOUNS), r.choice(TECH_NOUNS), r.choice(ADJECTIVES), r.choice(ADVERBS)
    k = r.randint(0, 15)
    return (f"Always {v} the {t} before you {r.choice(VERBS)} the {r.choice(TECH_NOUNS)}.", f"Never {v} a {t} unless the user asks for it.", f"Keep your answers {a} and {r.choice(ADJECTIVES)}.", f"If the {t} is {a}, {v} it and tell the user.",
            f"The {t} of the {n} is {d} {a}.", f"Use the {t} to {v} the {r.choice(TECH_NOUNS)}, and do not {r.choice(VERBS)} the {n}.", f"When the user asks about a {t}, {v} the {r.choice(TECH_NOUNS)} first.", f"IMPORTANT: You must {d} {v} the {t}.",
            f"You should {d} {v} every {a} {t}.", f"The project contains a {t}, a {r.choice(TECH_NOUNS)} and a {n}.", f"Do not add comments to the {t} unless it is {a}.", f"For example, a {a} {t} can be used to {v} a {r.choice(TECH_NOUNS)}.",
            f"It is {a} to {v} the {t} {d}.", f"Prefer a {a} {t} over a {r.choice(ADJECTIVES)} one.", f"Ask the user when a {t} looks {a}.", f"Write {a} code and {v} the {t} when you are done.")[k]


def filler(r, words):
    """English-like instructions of about `words` words, in sections with headings and lists."""
    out, n = [], 0
    while n < words:
        k = r.random()
        if k < .25:
            s = "# " + r.choice(("Tone and style", "Rules", "Tasks", "Working on code", "Tools", "Notes", "Safety", "Format", "Project", "Workflow", f"{cap(r.choice(TECH_NOUNS))} and {r.choice(TECH_NOUNS)}")) + "\n"
        elif k < .6:
            s = "\n".join(r.choice(("- ", "- ", " - ", "* ")) + filler_sentence(r) for _ in range(r.randint(2, 5))) + "\n"
        elif k < .95:
            s = " ".join(filler_sentence(r) for _ in range(r.randint(1, 4))) + "\n"
        else:
            s = f"<example>\nuser: {sentence(r)}\nassistant: {sentence(r)}\n</example>\n"
        out.append(s + r.choice(("", "\n")))
        n += len(s.split())
    return "".join(out).strip()


def env_block(r):
    return (f"<env>\nWorking directory: {r.choice(('/home/', '/Users/')) + r.choice(FIRST_NAMES).lower()}/{ident(r)}\nIs directory a git repo: {r.choice(('Yes', 'No'))}\nPlatform: {r.choice(('linux', 'darwin', 'win32'))}\n"
            f"Today's date: {gt.date(r)}\n</env>")


def system_prompt(r, agent=False):
    k = r.random()
    if k < (.25 if agent else .55):
        return None
    if k < (.5 if agent else .88):
        return r.choice(SHORT_SYSTEMS)
    size = r.choices((30, 60, 120, 250, 500, 800, 1500, 2300), (1, 1, 2, 2, 1, .7, .25, .25))[0] if agent else r.choice((30, 60, 120, 250))
    s = r.choice(("You are an assistant for software work.", "You are a coding agent that helps the user with tasks in a terminal.", "You are an interactive tool that helps users.", "You are a helpful assistant.", f"You are {r.choice(FIRST_NAMES)}, an assistant."))
    s += "\n\n" + filler(r, size)
    if agent and r.random() < .6:
        s += "\n\n" + env_block(r)
    return s


def reminder(r, q):
    """Clients sometimes put blocks of context before a request."""
    k = r.random()
    if k < .9:
        return q
    if k < .96:
        return "<system-reminder>\n" + filler(r, r.choice((15, 40, 80))) + "\n</system-reminder>\n" + q
    return f"<context>\n{filler(r, 20)}\n</context>\n\n" + q


# --- conversations without tools ------------------------------------------------------------------------------------------
def recall(r, side):
    """The user says something early on and asks for it later."""
    k = r.randint(0, 6)
    n = r.choice(FIRST_NAMES) if r.random() < .85 else gt.syllables(r).capitalize()
    if k <= 1:
        say, ack = r.choice((f"My name is {n}.", f"Hi, I am {n}.", f"I'm {n}.", f"Hello, my name is {n}.", f"You can call me {n}.")), f"Nice to meet you, {n}!"
        ask, ans = r.choice(("What is my name?", "Do you remember my name?", "What's my name?", "Who am I?", "Tell me my name.")), f"Your name is {n}."
    elif k == 2:
        x = r.choice((r.randint(0, 99), r.randint(100, 99999)))
        say, ack = r.choice((f"Remember the number {x}.", f"My number is {x}. Remember it.", f"Please keep the number {x} in mind.")), f"I will remember the number {x}."
        ask, ans = r.choice(("What number did I ask you to remember?", "Which number was it?", "What was the number?", "Tell me the number.")), f"The number is {x}."
    elif k == 3:
        what, x = r.choice((("colour", r.choice(COLOURS)), ("animal", r.choice(ANIMALS)), ("food", r.choice(FOODS)), ("city", r.choice(CITIES)), ("hobby", r.choice(HOBBIES)), ("color", r.choice(COLOURS))))
        say, ack = r.choice((f"My favourite {what} is {x}.", f"My favorite {what} is {x}.")), f"I will remember that your favourite {what} is {x}."
        ask, ans = r.choice((f"What is my favourite {what}?", f"What is my favorite {what}?", f"Which {what} do I like best?")), f"Your favourite {what} is {x}."
    elif k == 4:
        x = r.choice(CITIES)
        say, ack = r.choice((f"I live in {x}.", f"I am from {x}.", f"My home is in {x}.")), f"I will remember that you live in {x}."
        ask, ans = r.choice(("Where do I live?", "In which city do I live?", "Where is my home?")), f"You live in {x}."
    elif k == 5:
        x, c = word(r), gt.some_id(r)
        say, ack = r.choice((f"The code for the {x} is {c}.", f"The password of the {x} is {c}.", f"Note that the {x} has the code {c}.")), f"I noted {c} for the {x}."
        ask, ans = r.choice((f"What is the code for the {x}?", f"What did I tell you about the {x}?", f"Which code does the {x} have?")), f"The code for the {x} is {c}."
    else:
        p, j, a = r.choice(ANIMALS), r.choice(FIRST_NAMES), r.randint(1, 20)
        say, ack = f"I have a {p} called {j}, {a} years old.", f"{j} sounds like a lovely {p}."
        ask, ans = r.choice((("What is my pet called?", f"Your {p} is called {j}."), (f"How old is my {p}?", f"Your {p} is {a} years old."), ("Which pet do I have?", f"You have a {p} called {j}.")))
    gate(say + "|" + ask, side)
    msgs = [("user", say), ("assistant", ack)]
    for _ in range(r.choice((0, 0, 1, 1, 2, 3))):
        _, q, a = question(r, "train" if side == "train" else None)
        msgs += [("user", q), ("assistant", a)]
    return msgs + [("user", ask), ("assistant", ans)]


def chain(r, side):
    """Arithmetic that goes on from the last result."""
    a, b = r.randint(1, 50), r.randint(1, 50)
    msgs = [("user", r.choice((f"What is {a} + {b}?", f"What is {a} plus {b}?", f"{a}+{b}"))), ("assistant", f"{a} + {b} = {a + b}.")]
    cur = a + b
    for _ in range(r.randint(1, 3)):
        x = r.randint(1, 20)
        if r.random() < .6 or cur < x:
            q, c, op = r.choice((f"Now add {x}.", f"And add {x} to that?", f"plus {x}?", f"Add {x} to the result.")), cur + x, "+"
        else:
            q, c, op = r.choice((f"Now subtract {x}.", f"And minus {x}?", f"Take away {x}.", f"Subtract {x} from the result.")), cur - x, "-"
        msgs += [("user", q), ("assistant", f"{cur} {op} {x} = {c}.")]
        cur = c
    gate(msgs[0][1] + msgs[2][1], side)
    return msgs


def doc_chat(r, side):
    k = r.random()
    sys_ = system_prompt(r)
    if k < .1:
        msgs = recall(r, side)
    elif k < .14:
        msgs = chain(r, side)
    else:
        msgs = []
        for _ in range(r.choice((1, 1, 1, 2, 2, 3, 4, 6))):
            _, q, a = question(r, side)
            msgs += [("user", q), ("assistant", a)]
    msgs = [{"role": a, "content": b} for a, b in msgs]
    if sys_:
        msgs.insert(0, {"role": "system", "content": sys_})
    return msgs, None


# --- conversations with tools -----------------------------------------------------------------------------------------------
def call(name, args):
    return {"type": "function", "function": {"name": name, "arguments": args}}


def order_args(t, args):
    return {p[0]: args[p[0]] for p in t.params if p[0] in args}


def tool_set(r, need, n):
    """`need` and other tools up to n, of different groups, shuffled."""
    tools = list(need)
    for _ in range(40):
        if len(tools) >= n:
            break
        t = gt.any_tool(r)
        if t.name.lower() not in {x.name.lower() for x in tools} and t.group not in {x.group for x in tools}:
            tools.append(t)
    r.shuffle(tools)
    return tools


CALC = {"calculator", "add", "multiply", "square_root", "convert_units", "count_words", "sort_items", "filter_numbers", "run_python", "define_word", "find_synonyms", "translate_text", "get_country_info", "random_number", "get_joke", "recall_fact", "remember_fact", "web_search", "search_docs"}


def doc_tools(r, side, want=None):
    """A conversation with a set of tools; returns (messages, tools)."""
    msgs, s = [], system_prompt(r)
    if s:
        msgs.append({"role": "system", "content": s})
    main = gt.any_tool(r)
    need = [main]
    kind = want or r.choices(("call", "two", "same2", "plain", "none"), (68, 8, 6, 12, 7))[0]
    if kind == "two":
        other = gt.any_tool(r)
        if other.group == main.group or other.name.lower() == main.name.lower():
            raise Skip
        need.append(other)
    tools = tool_set(r, need, max(len(need), r.choice((1, 1, 2, 2, 3, 3, 4, 5, 6))))
    variant = r.choice((0, 0, 0, 0, 1, 2, 3))
    if kind == "plain":
        groups = {t.group for t in tools}
        if groups & CALC:
            raise Skip
        _, q, a = question(r, side, avoid=("notool",))
        msgs += [{"role": "user", "content": q}, {"role": "assistant", "content": a}]
    elif kind == "none":
        t = r.choice(gt.HAND_TOOLS)
        if t.group not in LIVE or {x.group for x in tools} & (CALC | {t.group}):
            raise Skip
        q, _ = fill(r, t)
        words = set(t.name.split("_"))
        if any(words & set(x.desc.lower().rstrip(".").split()) for x in tools):
            raise Skip
        gate(q, side)
        msgs += [{"role": "user", "content": q}, {"role": "assistant", "content": "I cannot do that, because I have no tool for it."}]
        kind = "plain"
    rounds = 1 if side == "eval" else r.choice((1, 1, 1, 2, 3))
    for i in range(rounds if kind != "plain" else 0):
        if i > 0:  # later rounds: another request to the same set
            if r.random() < .2:
                if not {t.group for t in tools} & CALC:
                    _, q, a = question(r, side, avoid=("notool",))
                    msgs += [{"role": "user", "content": q}, {"role": "assistant", "content": a}]
                continue
            main, kind = r.choice(tools), "call"
        t1 = main
        q, args = fill(r, t1, polite_template(r, r.choice(t1.requests)) if kind == "call" else None)
        pairs = [(t1, args)]
        if kind == "two" or kind == "same2":
            t2 = need[-1] if kind == "two" else t1
            q2, args2 = fill(r, t2)
            if args2 == args and t1 is t2:
                raise Skip
            pairs.append((t2, args2))
            l2 = lower_first(q2)
            main1 = [p for p in t1.params if p[0] in args]
            if kind == "same2" and len(args) == 1 and set(args2) == set(args) and r.random() < .7 and isinstance(args[main1[0][0]], str):
                p = main1[0][0]
                tmpl = r.choice([x for x in t1.requests if "{" + p + "}" in x and sum("{" + z[0] + "}" in x for z in t1.params) == 1] or [None])
                if tmpl is None:
                    raise Skip
                q = tmpl.replace("{" + p + "}", r.choice(("{a} and {b}", "{a} and in {b}" if "in {" in tmpl else "{a} and {b}", "{a} and also {b}")).replace("{a}", args[p]).replace("{b}", args2[p]))
            else:
                q = r.choice((f"{q} {cap(q2)}", f"{q} And {l2}", f"{q} Also, {l2}", f"{q}\n{q2}", f"Do two things: {lower_first(q)} Then {l2}", f"{q} Then {l2}"))
        gate(q, side)
        msgs.append({"role": "user", "content": reminder(r, q) if side == "train" else q})
        msgs.append({"role": "assistant", "content": "", "tool_calls": [call(t.name, order_args(t, a)) for t, a in pairs]})
        answers = []
        for t, a in pairs:
            res, ans = result(r, t, a)
            msgs.append({"role": "tool", "content": res})
            answers.append(ans)
        msgs.append({"role": "assistant", "content": " ".join(answers)})
        if r.random() < .12 and side == "train":
            _, q, a = question(r, side, "chat")
            msgs += [{"role": "user", "content": q}, {"role": "assistant", "content": a}]
    return msgs, [gt.schema(r, t, variant) for t in tools]


# --- coding agents --------------------------------------------------------------------------------------------------------
AGENT_OPS = {
    "read": (("Read", "read_file", "readFile", "read", "view_file", "open_file", "cat", "get_file_contents"), ("Read the contents of a file.", "Reads a file from the local file system.", "Return the text of a file."),
             [("path", "string", "Path of the file to read", True), ("offset", "integer", "Line to start from", False), ("limit", "integer", "Number of lines to read", False)]),
    "write": (("Write", "write_file", "writeFile", "write", "create_file", "save_file"), ("Write text to a file.", "Writes a file to the local file system and replaces an old one.", "Create or replace a file."),
              [("path", "string", "Path of the file to write", True), ("content", "string", "Text to write to the file", True)]),
    "edit": (("Edit", "edit_file", "editFile", "edit", "replace_in_file", "str_replace"), ("Replace a text in a file.", "Performs exact replacements of text in files.", "Change a part of a file."),
             [("path", "string", "Path of the file to change", True), ("old_string", "string", "Text to replace", True), ("new_string", "string", "Text to put in its place", True), ("replace_all", "boolean", "Replace every place", False)]),
    "bash": (("Bash", "run_command", "runCommand", "bash", "execute_command", "shell", "exec", "run_shell", "terminal"), ("Run a shell command.", "Executes a command in a shell and returns its output.", "Run a command in the terminal."),
             [("command", "string", "Command to run", True), ("timeout", "integer", "Longest run time in milliseconds", False), ("description", "string", "What the command does", False)]),
    "glob": (("Glob", "find_files", "findFiles", "glob", "search_files", "file_search"), ("Find files by a name pattern.", "Fast search for files that match a glob pattern.", "List the files that match a pattern."),
             [("pattern", "string", "Glob pattern such as **/*.py", True), ("path", "string", "Folder to search in", False)]),
    "grep": (("Grep", "search_text", "searchText", "grep", "grep_search", "search_content"), ("Search for a pattern in files.", "Searches the contents of files with a regular expression.", "Find lines that match a pattern."),
             [("pattern", "string", "Pattern to search for", True), ("path", "string", "File or folder to search in", False), ("glob", "string", "Only files that match this pattern", False)]),
    "ls": (("LS", "list_files", "listFiles", "ls", "list_directory", "list_dir"), ("List the files in a directory.", "Lists files and folders of a path.", "Show the contents of a directory."),
           [("path", "string", "Path of the directory", True)]),
    "fetch": (("WebFetch", "fetch_url", "fetchUrl", "webfetch", "http_get"), ("Fetch a web page.", "Downloads the contents of a URL."), [("url", "string", "Address of the page", True)]),
    "search": (("WebSearch", "web_search", "webSearch", "websearch"), ("Search the web.", "Searches the web and returns results."), [("query", "string", "What to search for", True)]),
    "delete": (("Delete", "delete_file", "deleteFile", "remove_file"), ("Delete a file.", "Removes a file."), [("path", "string", "Path of the file to delete", True)]),
    "move": (("Move", "move_file", "moveFile", "rename_file"), ("Move or rename a file.",), [("source", "string", "Old path", True), ("destination", "string", "New path", True)]),
    "mkdir": (("MakeDir", "create_directory", "createDirectory", "mkdir"), ("Create a directory.",), [("path", "string", "Path of the directory", True)]),
    "todo": (("TodoWrite", "update_todos", "todoWrite", "plan"), ("Keep a list of the tasks of this session.", "Write the list of tasks."), [("todos", "array", "The tasks", True)]),
    "task": (("Task", "run_agent", "spawn_agent", "delegate"), ("Start another agent for a larger task.",), [("description", "string", "Short name of the task", True), ("prompt", "string", "What the agent shall do", True)]),
}
FILE_PARAM = ("file_path", "path", "filePath", "filename", "file_path", "path")


class Agent:
    """A set of agent tools with their names in one style."""

    def __init__(self, r, ops):
        self.r, self.map, self.schemas = r, {}, []
        style, fp, d = r.randint(0, 3), r.choice(FILE_PARAM), r.choice(("path", "path", "directory", "dir_path"))
        long_names = style == 0
        long_desc = r.random() < .25
        for op in ops:
            names, descs, params = AGENT_OPS[op]
            name = names[min(style, len(names) - 1)] if r.random() < .85 else r.choice(names)
            ren = {}
            if op in ("read", "write", "edit", "delete"):
                ren["path"] = "file_path" if long_names and r.random() < .8 else fp
            elif op in ("ls", "mkdir"):
                ren["path"] = "path" if long_names else d
            if op == "bash" and not long_names and r.random() < .2:
                ren["command"] = "cmd"
            if op == "edit" and not long_names and r.random() < .3:
                ren.update(old_string="old_text", new_string="new_text")
            keep = [p for p in params if p[3] or r.random() < (.7 if long_names else .35)]
            self.map[op] = (name, {p[0]: ren.get(p[0], p[0]) for p in keep})
            props = {}
            for p, typ, desc, _ in keep:
                props[ren.get(p, p)] = {"type": typ, "description": desc}
                if typ == "array":
                    props[ren.get(p, p)]["items"] = {"type": "string"}
            ps = {"type": "object", "properties": props, "required": [ren.get(p[0], p[0]) for p in keep if p[3]]}
            if long_names and r.random() < .3:
                ps["additionalProperties"] = False
            desc = r.choice(descs)
            if long_desc:
                desc += "\n\n" + "\n".join("- " + filler_sentence(r) for _ in range(r.randint(1, 5)))
            self.schemas.append({"type": "function", "function": {"name": name, "description": desc, "parameters": ps}})
        r.shuffle(self.schemas)

    def has(self, *ops):
        return all(o in self.map for o in ops)

    def call(self, op, **args):
        name, ren = self.map[op]
        return call(name, {ren[k]: args[k] for k in ren if k in args})


def words_and(xs):
    return xs[0] if len(xs) == 1 else ", ".join(xs[:-1]) + " and " + xs[-1]


def names_list(r, n=None, ext=None):
    n = n or r.choice((1, 2, 3, 3, 4, 5, 6, 8))
    out = []
    for _ in range(n):
        x = file_name(r, ext) if ext or r.random() < .75 else dir_name_(r)
        if x not in out:
            out.append(x)
    return out


def dir_name_(r):
    return r.choice(DIRS)


def small_file(r, name):
    """Contents of a small file that suit its name, and sometimes a question about it: (text, question, answer)."""
    e = name.rsplit(".", 1)[-1]
    if e == "py":
        t = r.choice([t for t in TASKS[:60]])
        return t["code"] if t["lang"] == "Python" else gt.py_line(r), None, None
    if e in ("json",):
        keys = r.sample(list(JSON_KEYS), r.randint(1, 4))
        obj = {k: JSON_KEYS[k](r) for k in keys}
        k = r.choice(keys)
        return json.dumps(obj, ensure_ascii=False, indent=r.choice((None, 2))), f"the {k}", f"The {k} is {show(obj[k])}."
    if e in ("yaml", "yml", "ini", "cfg", "conf", "toml", "env") or r.random() < .3:
        keys = r.sample(_CFG, r.randint(2, 5))
        vals = {k: r.choice((str(r.randint(1, 9999)), word(r), r.choice(("true", "false")), gt.url(r), ident(r))) for k in keys}
        k = r.choice(keys)
        sep = {"yaml": ": ", "yml": ": "}.get(e, r.choice((" = ", "=", ": ")))
        return "\n".join(f"{a}{sep}{b}" for a, b in vals.items()), f"the {k}", f"The {k} is {vals[k]}."
    if e == "md":
        return f"# {cap(r.choice(NOUNS))} {r.choice(TECH_NOUNS)}\n\n" + " ".join(sentence(r) for _ in range(r.randint(1, 3))) + ("\n\n" + "\n".join("- " + phrase(r) for _ in range(r.randint(2, 4))) if r.random() < .5 else ""), None, None
    return "\n".join(r.choice((sentence, phrase, sentence))(r) for _ in range(r.randint(1, 5))), None, None


_CFG = "host port name debug level timeout user mode region version retries path cache size color theme language output workers token_limit".split()

SHELL_TALK = (
    ("List all files including hidden ones.", "ls -a"), ("Show the git status.", "git status"), ("What branch am I on?", "git branch --show-current"), ("Show me the current directory path.", "pwd"), ("What directory are we in?", "pwd"), ("Which folder am I in?", "pwd"),
    ("How much disk space is left?", "df -h"), ("Show the disk usage.", "df -h"), ("How much memory is free?", "free -h"), ("What is today's date?", "date"), ("What time is it on this machine?", "date"), ("Who am I logged in as?", "whoami"),
    ("What is my user name?", "whoami"), ("Show the running processes.", "ps aux"), ("Which kernel is this?", "uname -r"), ("Show the environment variables.", "env"), ("Run the tests.", "pytest"), ("Run the test suite.", "pytest"), ("Build the project.", "make"),
    ("Clean the build.", "make clean"), ("Install the npm packages.", "npm install"), ("Show the last commit.", "git log -1"), ("Show the changes in git.", "git diff"), ("Pull the latest changes.", "git pull"), ("Push my changes.", "git push"),
    ("Which Python version is installed?", "python3 --version"), ("Which node version do I have?", "node --version"), ("How long has this machine been running?", "uptime"), ("What is the host name?", "hostname"),
    ("Create a directory called {w}.", "mkdir {w}"), ("Make a folder named {w}.", "mkdir {w}"), ("Delete the file {f}.", "rm {f}"), ("Remove {f}", "rm {f}"), ("Copy {f} to {g}.", "cp {f} {g}"), ("Rename {f} to {g}.", "mv {f} {g}"), ("Move {f} to {g}", "mv {f} {g}"),
    ("Count the lines of {f}.", "wc -l {f}"), ("How many lines does {f} have?", "wc -l {f}"), ("Install the Python package {w}.", "pip install {w}"), ("Show the last {n} commits.", "git log -n {n}"), ("Show the first {n} lines of {f}.", "head -n {n} {f}"),
    ("Show the last {n} lines of {f}.", "tail -n {n} {f}"), ("Run the Python script {p}.", "python3 {p}"), ("Run {p}", "python3 {p}"), ("Execute the script {s}.", "bash {s}"), ("Make {s} executable.", "chmod +x {s}"), ("Compile {c}.", "gcc {c}"),
    ("Commit everything with the message \"{t}\".", "git commit -am \"{t}\""), ("Create a branch {w}.", "git checkout -b {w}"), ("Switch to the branch {w}.", "git checkout {w}"), ("Print {w} with echo.", "echo {w}"), ("Download {u}.", "curl -O {u}"),
    ("Kill the process {k}.", "kill {k}"), ("How big is the folder {d}?", "du -sh {d}"), ("Unpack {w}.zip.", "unzip {w}.zip"), ("Create an empty file {f}.", "touch {f}"), ("Sleep for {n} seconds.", "sleep {n}"), ("Ping {h}.", "ping -c 4 {h}"),
)


def shell_output(r, cmd):
    """Some output of a command: (text, answer)."""
    k = r.random()
    if k < .1:
        e = r.choice((f"{cmd.split()[0]}: command not found", "No such file or directory", "Permission denied", "Error: something went wrong", "Connection refused"))
        return e, f"The command failed: {e}"
    first = cmd.split()[0]
    if first in ("mkdir", "rm", "cp", "mv", "touch", "chmod", "kill", "sleep", "cd") and k < .9:
        return r.choice(("", "", "(no output)")), "Done, the command ran without errors."
    if first == "ls":
        xs = names_list(r)
        return "\n".join(xs), "The files are: " + words_and(xs) + "."
    out = {"pwd": "/home/" + r.choice(FIRST_NAMES).lower() + "/" + ident(r), "whoami": r.choice(FIRST_NAMES).lower(), "date": f"{r.choice(DAYS)[:3]} {r.choice(MONTHS)[:3]} {r.randint(1, 28)} {gt.clock(r)}:{r.randint(10, 59)} UTC {r.randint(2024, 2031)}",
           "pytest": f"{r.randint(1, 300)} passed in {r.randint(1, 90)}.{r.randint(10, 99)}s", "wc": f"{r.randint(1, 3000)} {cmd.split()[-1]}", "hostname": ident(r), "python3": r.choice((f"Python 3.{r.randint(8, 14)}.{r.randint(0, 12)}", text(r)))}.get(first)
    if out is None:
        out = "\n".join(r.choice((sentence, phrase, lambda r: str(r.randint(1, 9999)), ident, path))(r) for _ in range(r.choice((1, 1, 2, 3))))
    return out, f"The output is:\n\n```\n{out}\n```"


def step_ls(r, g):
    here = r.random() < .5
    d = "." if here else dir_path(r)
    if here:
        q = r.choice(("What files are in the current directory?", "What files are in the current directory?", "List the files in the current directory.", "Show me the files here.", "What files are here?", "Which files are in this folder?", "list files", "List all files.",
                      "What is in the current directory?", "Show the contents of the current folder.", "Can you list the files in this directory?", "ls", "What's in this directory?", "Which files do we have?", "Tell me what files are in this directory."))
    else:
        q = r.choice((f"What files are in {d}?", f"List the files in {d}.", f"What is in the directory {d}?", f"Show me the contents of {d}.", f"Which files are in the folder {d}?", f"list {d}", f"Look into {d} and list the files."))
    xs = names_list(r)
    if g.has("ls"):
        c = g.call("ls", path=d)
    elif g.has("bash"):
        c = g.call("bash", command="ls" if here else f"ls {d}")
    elif g.has("glob"):
        c = g.call("glob", pattern="*" if here else d.rstrip("/") + "/*")
    else:
        raise Skip
    out = "\n".join(xs) if r.random() < .8 else json.dumps(xs)
    if r.random() < .04:
        return q, [(c, "")], f"{'The current directory' if here else d} is empty."
    return q, [(c, out)], ("The current directory" if here else d) + " contains: " + words_and(xs) + "."


def numbered(r, s):
    k = r.random()
    if k < .75:
        return s
    sep = r.choice(("\t", "→", ": "))
    return "\n".join(f"{i + 1:>{6 if sep != ': ' else 0}}{sep}{l}" for i, l in enumerate(s.split("\n")))


def step_read(r, g):
    f = path(r)
    if r.random() < .12:
        f = r.choice(("README.md", "main.py", "test.txt", "config.json", "package.json", "notes.txt"))
    body, ask, ans = small_file(r, f)
    if f.endswith((".png", ".jpg", ".pdf", ".zip", ".bin", ".dat")):
        raise Skip
    if ask and r.random() < .6:
        q = r.choice((f"What is {ask} in {f}?", f"Read {f} and tell me {ask}.", f"Look up {ask} in the file {f}.", f"Which value does {ask[4:]} have in {f}?"))
        final = ans
    else:
        q = r.choice((f"Read the file {f}", f"Read the file {f}.", f"Read {f}", f"Show me the file {f}.", f"What is in {f}?", f"Open {f}.", f"Show the contents of {f}.", f"Can you read {f}?", f"What does {f} contain?", f"Print the file {f}", f"Please read {f} for me.", f"cat {f}"))
        final = f"{f} contains:\n\n```\n{body}\n```"
    c = g.call("read", path=f) if g.has("read") else g.call("bash", command=f"cat {f}") if g.has("bash") else None
    if c is None:
        raise Skip
    if r.random() < .07:
        e = r.choice((f"Error: {f} does not exist", "File does not exist.", f"cat: {f}: No such file or directory", '{"error": "file not found"}'))
        return q, [(c, e)], f"I could not read {f}, because it does not exist."
    return q, [(c, numbered(r, body))], final


def step_write(r, g):
    if not g.has("write") and not g.has("bash"):
        raise Skip
    if r.random() < .65 or not g.has("write"):
        f = file_name(r, r.choice(("txt", "md", "txt", "log", "csv", "html", "json"))) if r.random() < .7 else path(r, "txt")
        if r.random() < .1:
            f = "test.txt"
        t = text(r).replace("'", "").replace('"', "")
        qt = r.choice(("'", '"', "'", ""))
        q = r.choice((f"Write {qt}{t}{qt} to a file called {f}", f"Write {qt}{t}{qt} to the file {f}.", f"Save {qt}{t}{qt} in {f}", f"Put {qt}{t}{qt} into {f}.", f"Write to {f}: {t}", f"Store the text {qt}{t}{qt} in {f}") if r.random() < .6 else
                     (f"Create a file {f} with the text {qt}{t}{qt}" + ("." if qt else ""), f"Create {f} containing {qt}{t}{qt}" + ("." if qt else ""), f"Make a file named {f} with the content {qt}{t}{qt}", f"Create a file called {f} with {qt}{t}{qt} in it."))
        if g.has("write"):
            c = g.call("write", path=f, content=t)
        else:
            c = g.call("bash", command=f"echo '{t}' > {f}")
    else:
        t = r.choice(TASKS)
        ext = {"Python": "py", "C": "c", "JavaScript": "js"}[t["lang"]]
        f = file_name(r, ext) if r.random() < .8 else path(r, ext)
        p = r.choice(t["phrases"])
        if t["kind"] == "class":
            q = r.choice((f"Create a file {f} with a Python class for {p}.", f"Write a class for {p} into {f}."))
        else:
            q = r.choice((f"Create a {t['lang']} file {f} with a function to {p}.", f"Write a {t['lang']} function to {p} into {f}.", f"Put a function that {gen_code.third_person(p)} into {f}.", f"Create {f} with a function to {p}.", f"Write a {t['lang']} script {f} to {p}."))
        c = g.call("write", path=f, content=t["code"])
    out = r.choice(("ok", "File written.", f"Wrote {f}", f"File created successfully at: {f}", '{"status": "ok"}', "Success", f"The file {f} has been written."))
    return q, [(c, out)], f"I wrote the file {f}."


def step_bash(r, g):
    if not g.has("bash"):
        raise Skip
    k = r.random()
    if k < .5:
        cmd = gt.command(r)
        q = r.choice((f"Run {cmd}", f"Run `{cmd}`", f"Run the command {cmd}", f"Run the command `{cmd}`.", f"Execute {cmd}", f"Execute the command: {cmd}", f"Please run `{cmd}` for me.", f"Run this: {cmd}", f"In the shell, run {cmd}", f"$ {cmd}", f"What is the output of `{cmd}`?", f"Use bash to run {cmd}"))
    elif k < .58:
        cmd = r.choice(("ls", "ls", "ls -la", "ls -l", "pwd", "date", "whoami", "git status", "df", "ps", "make"))
        q = r.choice((f"Run the {cmd} command", f"Run the {cmd} command.", f"Execute the {cmd} command.", f"Use the {cmd} command.", f"Run the {cmd} command to {dict(ls='list files', pwd='see where we are', date='see the date').get(cmd.split()[0], 'check')}", f"Run {cmd} to {dict(ls='list the files', pwd='show the directory').get(cmd.split()[0], 'have a look')}."))
    else:
        q, cmd = r.choice(SHELL_TALK)
        sub = {"w": ident(r), "f": path(r), "g": path(r), "n": str(r.randint(1, 50)), "p": path(r, "py"), "s": path(r, "sh"), "c": path(r, "c"), "t": gt.title(r), "u": gt.url(r), "k": str(r.randint(100, 99999)), "d": dir_path(r), "h": r.choice(DOMAINS)}
        for a, b in sub.items():
            q, cmd = q.replace("{" + a + "}", b), cmd.replace("{" + a + "}", b)
        if cmd.startswith("rm ") and g.has("delete") or cmd.startswith("mv ") and g.has("move") or cmd.startswith("mkdir ") and g.has("mkdir") or cmd.startswith("curl") and g.has("fetch") or cmd.startswith("head") or cmd == "ls -a" and g.has("ls") or cmd.startswith("touch") and g.has("write"):
            raise Skip
    out, ans = shell_output(r, cmd)
    return q, [(g.call("bash", command=cmd), out)], ans


EXT_NAMES = {"py": "Python", "js": "JavaScript", "md": "Markdown", "c": "C", "ts": "TypeScript", "json": "JSON", "html": "HTML", "rs": "Rust", "go": "Go", "java": "Java", "txt": "text", "css": "CSS", "sh": "shell", "csv": "CSV", "yaml": "YAML"}


def step_glob(r, g):
    if not g.has("glob") and not g.has("bash"):
        raise Skip
    e = r.choice(list(EXT_NAMES))
    d = dir_path(r).rstrip("/") if r.random() < .35 else None
    if r.random() < .75:
        n = EXT_NAMES[e]
        where = f" in {d}" if d else ""
        q = r.choice((f"Find all {n} files{where}.", f"Find all .{e} files{where}.", f"List all {n} files{where}", f"Which {n} files are there{where}?", f"Find every *.{e} file{where}.", f"Show me all .{e} files{where}.", f"Where are the {n} files{where}?"))
        pat = f"*.{e}"
    else:
        f = file_name(r)
        where = f" in {d}" if d else ""
        q = r.choice((f"Find the file {f}{where}.", f"Where is {f}{where}?" if not d else f"Find {f}{where}", f"Search for a file called {f}{where}.", f"Find files named {f}{where}"))
        pat, e = f, None
    c = g.call("glob", pattern=(d + "/" if d else "") + "**/" + pat) if g.has("glob") else g.call("bash", command=f"find {d or '.'} -name \"{pat}\"")
    xs = [x for x in ((dir_path(r) + "/" if r.random() < .5 else "") + (file_name(r, e) if e else pat) for _ in range(r.randint(1, 5)))]
    xs = list(dict.fromkeys(xs))
    if r.random() < .08:
        return q, [(c, r.choice(("", "No files found")))], "I found no such files."
    return q, [(c, "\n".join(xs))], f"I found {len(xs)} file{'s' if len(xs) > 1 else ''}: " + words_and(xs) + "."


def step_grep(r, g):
    if not g.has("grep") and not g.has("bash"):
        raise Skip
    w = r.choice((word(r), ident(r).replace("-", "_"), r.choice(("TODO", "FIXME", "import", "def main", "class", "error", "main", "return"))))
    d = None if r.random() < .45 else r.choice((dir_path(r), path(r)))
    qt = r.choice(("", '"', "'", "`"))
    x = qt + w + qt
    q = r.choice((f"Search for {x} in {d}.", f"Find {x} in {d}.", f"Where does {x} occur in {d}?", f"Grep {x} in {d}", f"Look for {x} in the files of {d}.", f"Which lines in {d} contain {x}?")) if d else r.choice((f"Search for {x} in the code.", f"Where is {x} used?", f"Find all places with {x}.", f"Grep for {x}", f"Which files contain {x}?", f"Search the project for {x}.", f"Where is {x} defined?", f"Find the text {x} in all files."))
    if g.has("grep"):
        c = g.call("grep", pattern=w, path=d) if d and "path" in g.map["grep"][1] else g.call("grep", pattern=w) if not d else None
        if c is None:
            raise Skip
    else:
        c = g.call("bash", command=f"grep -rn \"{w}\" {d or '.'}")
    hits = [f"{path(r, r.choice(('py', 'js', 'c', 'md', 'txt')))}:{r.randint(1, 400)}:{r.choice(('', '    ', '# '))}{w}{r.choice(('()', ' = 1', ': ' + phrase(r), ''))}" for _ in range(r.randint(1, 4))]
    if r.random() < .1:
        return q, [(c, r.choice(("", "No matches found")))], f"I found no matches for {w}."
    files = list(dict.fromkeys(h.split(":")[0] for h in hits))
    return q, [(c, "\n".join(hits))], f"I found {w} in " + words_and(files) + "."


def step_edit(r, g):
    if not g.has("edit"):
        raise Skip
    f = path(r, r.choice(("py", "txt", "md", "js", "c", "json", "html", "yaml", "cfg")))
    k = r.randint(0, 3)
    a, b = ((word(r), word(r)), (f"{word(r)} = {r.randint(1, 99)}", None), (phrase(r), phrase(r)), (str(r.randint(1, 9999)), str(r.randint(1, 9999))))[k]
    if b is None:
        b = a.split(" = ")[0] + f" = {r.randint(100, 999)}"
    if a == b:
        raise Skip
    qt = r.choice(('"', "'", "", "`"))
    x, y = qt + a + qt, qt + b + qt
    q = r.choice((f"Replace {x} with {y} in {f}.", f"In {f}, replace {x} with {y}", f"Change {x} to {y} in {f}.", f"In the file {f}, change {x} to {y}", f"Edit {f}: replace {x} by {y}", f"Update {f} so that {x} becomes {y}"))
    return q, [(g.call("edit", path=f, old_string=a, new_string=b), r.choice(("ok", f"The file {f} has been updated.", "1 replacement made", '{"status": "ok"}', "Edited.")))], f"I replaced {a} with {b} in {f}."


def step_misc(r, g):
    f, f2, d, u, p = path(r), path(r), dir_path(r), gt.url(r), phrase(r)
    opts = []
    if g.has("delete"):
        opts.append((r.choice((f"Delete {f}", f"Remove the file {f}.", f"Delete the file {f}.")), g.call("delete", path=f), "deleted", f"I deleted {f}."))
    if g.has("move"):
        opts.append((r.choice((f"Move {f} to {f2}", f"Rename {f} to {f2}.", f"Move the file {f} to {f2}.")), g.call("move", source=f, destination=f2), "ok", f"I moved {f} to {f2}."))
    if g.has("mkdir"):
        opts.append((r.choice((f"Create the directory {d}", f"Make a folder {d}.", f"Create a new directory called {d}.")), g.call("mkdir", path=d), "created", f"I created the directory {d}."))
    if g.has("fetch"):
        t = gt.title(r)
        opts.append((r.choice((f"Fetch {u}", f"What is the title of {u}?", f"Open the page {u}", f"Get the contents of {u}.")), g.call("fetch", url=u), f"<title>{t}</title>", f"The page {u} has the title \"{t}\"."))
    if g.has("search"):
        t = gt.title(r)
        opts.append((r.choice((f"Search the web for {p}.", f"Look up {p} online.", f"Do a web search for {p}")), g.call("search", query=p), f"1. {t} - {u}", f"The first result is \"{t}\" at {u}."))
    if not opts:
        raise Skip
    q, c, out, ans = r.choice(opts)
    return q, [(c, out)], ans


def step_multi(r, g):
    """Requests that need two calls, one after the other or at once."""
    k = r.randint(0, 3)
    if k == 0 and g.has("write", "bash"):
        w = text(r).replace('"', "").replace("\n", " ")
        f = file_name(r, "py")
        q = r.choice((f"Create a Python script {f} that prints \"{w}\" and run it.", f"Write a script {f} that prints \"{w}\", then run it.", f"Make {f} print \"{w}\" and execute it with Python."))
        return q, [(g.call("write", path=f, content=f'print("{w}")'), "ok"), (g.call("bash", command=f"python3 {f}"), w)], f"I wrote {f} and ran it. The output is:\n\n```\n{w}\n```"
    if k == 1 and g.has("read"):
        a, b = path(r, "txt"), path(r, "md")
        x, y = sentence(r), sentence(r)
        q = r.choice((f"Read {a} and {b}.", f"Read the files {a} and {b}", f"Show me {a} and {b}.", f"What is in {a} and {b}?"))
        return q, [([g.call("read", path=a), g.call("read", path=b)], [x, y])], f"{a} contains: {x}\n{b} contains: {y}"
    if k == 2 and g.has("read", "edit"):
        f = file_name(r, "py")
        op, good, name = r.choice((("-", "+", "add"), ("+", "-", "subtract"), ("+", "*", "multiply"), ("*", "/", "divide")))
        bad_line, good_line = f"    return a {op} b", f"    return a {good} b"
        q = r.choice((f"Fix the bug in {f}.", f"The function {name} in {f} is wrong, please fix it.", f"There is a bug in {f}. Find it and fix it."))
        return q, [(g.call("read", path=f), f"def {name}(a, b):\n{bad_line}"), (g.call("edit", path=f, old_string=f"return a {op} b", new_string=f"return a {good} b"), "ok")], f"The function {name} used {op} instead of {good}. I fixed it in {f}."
    if k == 3 and g.has("read"):
        f = file_name(r, r.choice(("txt", "md", "log")))
        xs = [f] + names_list(r, 3)
        r.shuffle(xs)
        body = sentence(r)
        q = r.choice((f"Look at the files in the current directory and read {f}.", f"List the files here, then read {f}."))
        c = g.call("ls", path=".") if g.has("ls") else g.call("bash", command="ls") if g.has("bash") else g.call("glob", pattern="*") if g.has("glob") else None
        if c is None:
            raise Skip
        return q, [(c, "\n".join(xs)), (g.call("read", path=f), body)], f"{f} contains: {body}"
    raise Skip


STEPS = ((step_ls, 14), (step_read, 18), (step_write, 18), (step_bash, 22), (step_glob, 8), (step_grep, 9), (step_edit, 9), (step_misc, 6), (step_multi, 9))
_SF, _SW = [s for s, _ in STEPS], [w for _, w in STEPS]
PRESETS = (("read", "write", "bash", "glob"), ("read", "write", "edit", "bash", "glob", "grep"), ("ls", "read", "write"), ("ls",), ("bash",), ("read", "write", "edit", "bash", "glob", "grep", "fetch", "search", "todo", "task"),
           ("ls", "read", "write", "edit", "bash"), ("read", "write", "bash"), ("bash", "read"), ("ls", "read", "write", "delete", "move", "mkdir"), ("read",), ("write",), ("read", "write", "edit", "bash", "glob", "grep", "ls"))


def doc_agent(r, side, step=None):
    ops = list(r.choice(PRESETS)) if r.random() < .75 else r.sample(list(AGENT_OPS), r.randint(1, 7))
    g = Agent(r, ops)
    msgs, s = [], system_prompt(r, True)
    if s:
        msgs.append({"role": "system", "content": s})
    others = [gt.schema(r, t, 0) for t in tool_set(r, [], r.randint(1, 3))] if r.random() < .2 else []
    names = {x["function"]["name"].lower() for x in g.schemas}
    schemas = g.schemas + [o for o in others if o["function"]["name"].lower() not in names and not set(o["function"]["name"].lower().replace("-", "_").split("_")) & {"read", "write", "file", "run", "search", "find", "list", "edit", "fetch"}]
    done = 0
    rounds = 1 if side == "eval" else r.choice((1, 1, 1, 2, 2, 3))
    for _ in range(8):
        if done >= rounds:
            break
        if step is None and side == "train" and r.random() < .12:
            _, q, a = question(r, side, avoid=("notool", "code", "json"))
            msgs += [{"role": "user", "content": reminder(r, q)}, {"role": "assistant", "content": a}]
            done += 1
            continue
        try:
            q, steps, final = (step or r.choices(_SF, _SW)[0])(r, g)
            if side == "train" and r.random() < .15 and "\n" not in q and q not in FIXED:
                q = r.choice(("Please ", "Hey, ", "OK, ", "Now ", "Can you help? ")) + lower_first(q)
            gate(q, side)
        except Skip:
            continue
        msgs.append({"role": "user", "content": reminder(r, q) if side == "train" else q})
        for c, out in steps:
            if isinstance(c, list):
                msgs.append({"role": "assistant", "content": "", "tool_calls": c})
                msgs += [{"role": "tool", "content": o} for o in out]
            else:
                msgs += [{"role": "assistant", "content": "", "tool_calls": [c]}, {"role": "tool", "content": out}]
        msgs.append({"role": "assistant", "content": final})
        done += 1
    if done == 0:
        raise Skip
    return msgs, schemas


def doc_fixed(r, side):
    """The fixed demonstration prompts with their answers, behind varied system prompts and tool sets."""
    k = r.randint(0, 7)
    q = FIXED[k]
    if k in (2, 3, 4, 5):
        ops = {2: (["ls"], ["ls"], ["ls", "read", "write"], ["ls", "read"]), 3: (["read", "write", "bash", "glob"], ["read"]), 4: (["bash"], ["read", "write", "bash", "glob"]), 5: (["read", "write", "bash", "glob"], ["write"])}[k]
        g = Agent(r, r.choice(ops))
        xs = names_list(r)
        if k == 2:
            c, out, ans = g.call("ls", path="."), "\n".join(xs), "The current directory contains: " + words_and(xs) + "."
        elif k == 3:
            body = small_file(r, "README.md")[0]
            c, out, ans = g.call("read", path="README.md"), numbered(r, body), f"README.md contains:\n\n```\n{body}\n```"
        elif k == 4:
            c, out, ans = g.call("bash", command="ls"), "\n".join(xs), "The files are: " + words_and(xs) + "."
        else:
            c, out, ans = g.call("write", path="test.txt", content="hello world"), "ok", "I wrote the file test.txt."
        s = system_prompt(r, True)
        return ([{"role": "system", "content": s}] if s else []) + [{"role": "user", "content": q}, {"role": "assistant", "content": "", "tool_calls": [c]}, {"role": "tool", "content": out}, {"role": "assistant", "content": ans}], g.schemas
    a = {0: "2 + 2 = 4.", 1: "```python\ndef reverse_string(s):\n    return s[::-1]\n```", 6: "The capital of France is Paris.", 7: ", ".join(map(str, range(1, 21)))}[k]
    s = system_prompt(r)
    return ([{"role": "system", "content": s}] if s else []) + [{"role": "user", "content": q}, {"role": "assistant", "content": a}], None


HEADS = ("\n\n# Tools\n\nYou can use the following tools:\n\n<tools>", "\n\nTools you may call:\n\n<tools>", "\n\n# Tools\n\n<tools>")
FORM = "<tool_call>\n<function=example_name>\n<parameter=example_parameter>\nvalue\n</parameter>\n</function>\n</tool_call>"
TAILS = ("\n</tools>\n\nCall a tool in this form:\n\n" + FORM, "\n</tools>\n\nWhen a tool helps, reply with:\n\n" + FORM + "\n\nAll required parameters must be there. Otherwise answer directly.", "\n</tools>\n\nFormat of a call:\n" + FORM)


def document(r, side="train"):
    """One rendered document: a list of (text, weight class)."""
    while True:
        try:
            k = r.random()
            msgs, tools = doc_chat(r, side) if k < .42 else doc_tools(r, side) if k < .68 else doc_agent(r, side) if k < .985 else doc_fixed(r, side)
        except Skip:
            continue
        if tools and r.random() < .08:
            return render(msgs, tools, head=r.choice(HEADS), tail=r.choice(TAILS))
        return render(msgs, tools)


# --- long documents ----------------------------------------------------------------------------------------------------------
def long_text(r, words, source=None):
    """Instructions, notes and files, as agents put them before a request."""
    out, n = [], 0
    while n < words:
        k = r.random()
        if source and k < .4:
            t = source(r.randint(200, 4000))
            name = r.choice(("file", "document", "context", "reference"))
            out.append(f"<{name}>\n{t}\n</{name}>")
        else:
            t = filler(r, r.choice((60, 150, 400, 900)))
            out.append(t if k < .8 else f"## {cap(r.choice(TECH_NOUNS))}\n\n{t}")
        n += len(out[-1]) // 6
    r.shuffle(out)
    return "\n\n".join(out)


def lengthen(r, msgs, tools, words, source=None):
    """The same conversation behind a long system prompt, long tool descriptions and blocks of context."""
    msgs = [dict(m) for m in msgs]
    a, b, c = (r.random() ** 2 for _ in range(3))
    if not tools:
        b = 0
    if r.random() < .4:
        c = 0
    total = a + b + c + 1e-6
    if a > 0.02:
        t = long_text(r, int(words * a / total), source)
        if msgs[0]["role"] == "system":
            msgs[0]["content"] = r.choice(("{0}\n\n{1}", "{1}\n\n{0}")).format(msgs[0]["content"], t) if "{" not in t and "{" not in msgs[0]["content"] else msgs[0]["content"] + "\n\n" + t
        else:
            msgs.insert(0, {"role": "system", "content": t})
    if b:
        names = {t["function"]["name"].lower() for t in tools}
        own = {w for n in names for w in re.split(r"[^a-z]+", n)} | {"read", "write", "file", "run", "search", "find", "list", "edit", "fetch", "get", "show"}
        more = [gt.schema(r, t, 0) for t in tool_set(r, [], r.choice((2, 5, 10, 18)))]
        more = [m for m in more if m["function"]["name"].lower() not in names and not set(re.split(r"[^a-z]+", m["function"]["name"].lower())) & own]
        tools = [json.loads(json.dumps(t)) for t in tools + more]
        r.shuffle(tools)
        each = int(words * b / total / len(tools))
        for t in tools:
            f = t["function"]
            f["description"] = (f.get("description", "") + "\n\n" + filler(r, max(4, int(each * r.random() * 2)))).strip()
            if r.random() < .3:
                f["parameters"].setdefault("$schema", "http://json-schema.org/draft-07/schema#")
            if r.random() < .3:
                f["parameters"].setdefault("additionalProperties", False)
    if c:
        n = int(words * c / total)
        at = [i for i, m in enumerate(msgs) if m["role"] in ("user", "tool")]
        for i in r.sample(at, min(len(at), r.choice((1, 1, 2, 3)))):
            if msgs[i]["role"] == "user":
                tag = r.choice(("system-reminder", "system-reminder", "context", "environment_context"))
                msgs[i]["content"] = f"<{tag}>\n{long_text(r, n, source)}\n</{tag}>\n" + r.choice(("", "\n")) + msgs[i]["content"]
                break
    return msgs, tools


def long_document(r, words, source=None, side="train"):
    while True:
        try:
            k = r.random()
            msgs, tools = doc_chat(r, side) if k < .25 else doc_tools(r, side) if k < .5 else doc_agent(r, side) if k < .97 else doc_fixed(r, side)
            msgs, tools = lengthen(r, msgs, tools, words, source)
        except Skip:
            continue
        return render(msgs, tools)


def long_eval_prompts(n=48, seed=99):
    """Held-out prompts as in eval_prompts, behind 3,000 to 14,000 words."""
    r, out = random.Random(seed), []
    while len(out) < n:
        k = len(out) % 4
        try:
            msgs, tools = (doc_chat if k == 0 else doc_tools if k == 1 else doc_agent)(r, "eval")
            last = next(i for i, m in enumerate(msgs) if m["role"] == "assistant") if k else len(msgs) - 1
            want = msgs[last]
            msgs, tools = lengthen(r, msgs[:last], tools, int(3000 * (14 / 3) ** r.random()))
        except (Skip, StopIteration):
            continue
        body = render([want])[0][0] if False else (("" if not want.get("content") else want["content"]) if not want.get("tool_calls") else render_calls(want["tool_calls"])[1:])
        out.append({"category": ("long-chat", "long-tool", "long-agent", "long-agent")[k], "request": msgs[-1]["content"][-200:], "prompt": render(msgs, tools, prompt=True)[0][0] if len(render(msgs, tools, prompt=True)) == 1 else "".join(s for s, _ in render(msgs, tools, prompt=True)), "want": body})
    return out


# --- evaluation prompts -------------------------------------------------------------------------------------------------------
FILE_TOOLS = [{"type": "function", "function": {"name": n, "description": d, "parameters": {"type": "object", "properties": {k: {"type": "string", "description": v} for k, v in p.items()}, "required": list(p)}}} for n, d, p in (
    ("Read", "Reads a file.", {"file_path": "Path of the file to read"}), ("Write", "Writes a file.", {"file_path": "Path of the file to write", "content": "Text to write"}),
    ("Bash", "Runs a shell command.", {"command": "Command to run"}), ("Glob", "Finds files by pattern.", {"pattern": "Pattern of the file names"}))]
LIST_TOOL = [{"type": "function", "function": {"name": "list_files", "description": "List files in a directory", "parameters": {"type": "object", "properties": {"path": {"type": "string", "description": "Directory path"}}, "required": ["path"]}}}]


def fixed_prompts():
    want = {0: "2 + 2 = 4.", 1: "```python\ndef reverse_string(s):\n    return s[::-1]\n```", 2: render_calls([call("list_files", {"path": "."})])[1:], 3: render_calls([call("Read", {"file_path": "README.md"})])[1:],
            4: render_calls([call("Bash", {"command": "ls"})])[1:], 5: render_calls([call("Write", {"file_path": "test.txt", "content": "hello world"})])[1:], 6: "The capital of France is Paris.", 7: ", ".join(map(str, range(1, 21)))}
    out = []
    for k, q in enumerate(FIXED):
        tools = LIST_TOOL if k == 2 else FILE_TOOLS if k in (3, 4, 5) else None
        out.append({"category": "fixed", "request": q, "prompt": render([{"role": "user", "content": q}], tools, prompt=True)[0][0], "want": want[k]})
    return out


def eval_prompts(n=64, seed=77):
    """Held-out prompts by category; the model must give `want` exactly."""
    r = random.Random(seed)
    out = fixed_prompts()

    def add(cat, msgs, tools):
        segs = render(msgs, tools)
        i = max(j for j, s in enumerate(segs) if s[1] == 1)
        out.append({"category": cat, "request": [m["content"] for m in msgs if m["role"] == "user"][-1], "prompt": "".join(s[0] for s in segs[:i]), "want": segs[i][0].removesuffix("<|im_end|>")})

    def upto(msgs, k):  # cut after the k-th assistant turn
        c = 0
        for i, m in enumerate(msgs):
            c += m["role"] == "assistant"
            if c == k:
                return msgs[:i + 1]
        raise Skip

    def collect(cat, make):
        got, tries = 0, 0
        while got < n and tries < 200000:
            tries += 1
            try:
                add(cat, *make())
                got += 1
            except Skip:
                pass

    def ask(kind, cond=lambda q: True):
        def make():
            _, q, a = question(r, "eval", kind)
            if not cond(q):
                raise Skip
            return [{"role": "user", "content": q}, {"role": "assistant", "content": a}], None
        return make

    def digits(q):
        return max([len(x) for x in "".join(c if c.isdigit() else " " for c in q).split()] or [0])
    collect("arith-1-2-digit", ask("arithmetic", lambda q: digits(q) <= 2))
    collect("arith-3-digit", ask("arithmetic", lambda q: digits(q) == 3))
    for kind in ("numbers", "facts", "counting", "listing", "text", "json", "code"):
        collect(kind, ask(kind))
    collect("recall", lambda: ([{"role": a, "content": b} for a, b in recall(r, "eval")], None))

    def tools_of(kind, k, fn=doc_tools):
        def make():
            msgs, tools = fn(r, "eval", kind) if fn is doc_tools else fn(r, "eval")
            return upto(msgs, k), tools
        return make
    collect("tool-call", tools_of("call", 1))
    collect("tool-two-calls", tools_of("two", 1))
    collect("tool-same-twice", tools_of("same2", 1))
    collect("tool-answer", tools_of("call", 2))
    collect("tool-not-needed", tools_of("plain", 1))
    collect("tool-missing", tools_of("none", 1))
    collect("agent-call", tools_of(None, 1, doc_agent))
    collect("agent-answer", tools_of(None, 2, doc_agent))
    return out


# --- command line ---------------------------------------------------------------------------------------------------------------
def main():
    cmd = sys.argv[1] if len(sys.argv) > 1 else "show"
    r = random.Random(int(sys.argv[3]) if len(sys.argv) > 3 else 1)
    if cmd == "show":
        for _ in range(int(sys.argv[2]) if len(sys.argv) > 2 else 3):
            print("".join("\033[1m" + t + "\033[0m" if w else t for t, w in document(r)), end="\n=====\n")
    elif cmd == "speed":
        import time
        t0, n, c, ans = time.time(), 0, 0, 0
        while time.time() - t0 < 5:
            d = document(r)
            n += 1
            c += sum(len(t) for t, _ in d)
            ans += sum(len(t) for t, w in d if w)
        print(f"{n / 5:.0f} documents/s, {c / 5e6:.2f} MB/s on one core, {c / n:.0f} characters each, {ans / c:.1%} to be said")
    elif cmd == "eval":
        json.dump(eval_prompts(), sys.stdout, ensure_ascii=False, indent=1)
    elif cmd == "check-template":
        print(check_template(int(sys.argv[2]) if len(sys.argv) > 2 else 2000))


def check_template(n=2000, seed=5, template=TEMPLATE):
    """Renders n conversations with the jinja template and with render(); returns how many were compared."""
    import jinja2
    from jinja2.sandbox import ImmutableSandboxedEnvironment
    env = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True)
    env.filters["tojson"] = lambda x: json.dumps(x, ensure_ascii=False)
    t = env.from_string(open(template).read())
    r, done = random.Random(seed), 0
    while done < n:
        try:
            msgs, tools = r.choice((doc_chat, doc_tools, doc_agent, doc_fixed))(r, "train")
        except Skip:
            continue
        cut = r.random() < .5
        if cut:
            ends = [i for i, m in enumerate(msgs) if m["role"] in ("user", "tool")]
            msgs = msgs[:r.choice(ends) + 1]
        if r.random() < .2 and not cut and len(msgs) > 1 and msgs[-2]["role"] == "assistant":
            msgs[-2]["content"] = "Let me see."
        a = "".join(s for s, _ in render(msgs, tools, prompt=cut))
        b = t.render(messages=msgs, tools=tools, add_generation_prompt=cut)
        assert a == b, (a, b)
        done += 1
    return done


if __name__ == "__main__":
    main()
