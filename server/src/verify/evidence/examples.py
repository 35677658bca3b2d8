"""The examples that documentation and tasks give, as tests.

Run by the project's own interpreter as `python -m unittest baton_examples`, inside the sandbox. BATON_EXAMPLES holds, as
JSON, the module's path and the examples: a call, and the value it should give or print, the exception it should raise, or the one
it should not.
"""
import ast
import json
import math
import os
import unittest


def value(text, names):
    """The value that a text begins with; ValueError where it begins with none."""
    text = text.strip().strip("`").rstrip(" ,.;")
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        pass
    for end in range(min(len(text), 500) - 1, 0, -1):
        # A comma or a full stop after a value is the sentence's.
        if text[end - 1] in " \t\n,." or (text[end].isalnum() and text[end - 1].isalnum()):
            continue
        try:
            return ast.literal_eval(text[:end])
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            continue
    first = text.splitlines()[0] if text else ""
    try:
        return eval(compile(first, "<example>", "eval"), dict(names))
    except Exception:
        raise ValueError("unreadable") from None


def same(got, wanted):
    if isinstance(got, float) and isinstance(wanted, (int, float)) and not isinstance(wanted, bool):
        return math.isclose(got, wanted, rel_tol=1e-6, abs_tol=1e-9)
    if isinstance(got, (list, tuple)) and type(got) is type(wanted) and len(got) == len(wanted):
        return all(same(a, b) for a, b in zip(got, wanted))
    try:
        return bool(got == wanted)
    except Exception:
        return False


def example(call, wanted, text):
    def test(self):
        if isinstance(MODULE, BaseException):
            raise MODULE
        names = vars(MODULE)
        try:
            compiled = compile(call, "<example>", "eval")
        except (SyntaxError, ValueError):
            self.skipTest("the call cannot be read")
        free = [n.id for n in ast.walk(ast.parse(call)) if isinstance(n, ast.Name)]
        if any(name not in names and name not in vars(__import__("builtins")) for name in free):
            self.skipTest("the call uses names that are not there")
        if wanted in ("value", "prints"):
            try:
                expected = value(text, names)
            except ValueError:
                self.skipTest("the value cannot be read")
            got = eval(compiled, dict(names))
            printed = str if wanted == "prints" else repr
            if not same(got, expected) and printed(got) != text.strip():
                self.fail(f"{call} gives {got!r}, and {expected!r} is written")
            return
        try:
            got = eval(compiled, dict(names))
        except Exception as error:
            kinds = [kind.__name__ for kind in type(error).__mro__]
            if wanted == "raises" and text not in kinds:
                raise
            if wanted == "not_raises" and text in kinds:
                raise
            return
        if wanted == "raises":
            self.fail(f"{call} gives {got!r}, and {text} is written")

    return test


GIVEN = json.loads(os.environ["BATON_EXAMPLES"])
try:
    MODULE = load(GIVEN["path"])
except BaseException as error:
    MODULE = error
for number, (group, call, wanted, text) in enumerate(GIVEN["examples"], 1):
    name = f"Example_{group}"
    made = globals().setdefault(name, type(name, (unittest.TestCase,), {}))
    setattr(made, f"test_{number}", example(call, wanted, text))
