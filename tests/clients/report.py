"""report.py - counts tests for the scripts beside it: "ok NAME", "FAIL NAME" with what was wrong, and a last line with the numbers.

SPDX-License-Identifier: MIT
"""
import traceback

passed = failed = 0


def test(name, function, *arguments):
    global passed, failed
    try:
        function(*arguments)
    except Exception as problem:
        failed += 1
        print(f"FAIL {name}: {type(problem).__name__}: {problem}")
        print("  " + "  ".join(traceback.format_exc().splitlines(True)[-6:-1]))
    else:
        passed += 1
        print(f"ok   {name}")


def same(found, expected, what="value"):
    """Of two dictionaries only the members that differ are shown."""
    if isinstance(found, dict) and isinstance(expected, dict):
        for key in found.keys() | expected.keys():
            same(found.get(key), expected.get(key), f"{what}.{key}")
    elif found != expected:
        raise AssertionError(f"{what}: expected {expected!r}, found {found!r}")


def holds(condition, what):
    if not condition:
        raise AssertionError(what)


def finish():
    print(f"{passed} passed, {failed} failed")
    raise SystemExit(1 if failed else 0)
