"""Calls functions of one Python file with many inputs and says what each call did.

Run with -c inside the sandbox. One JSON object comes on stdin, one goes to stdout. The functions run in children, so that
a crash costs one call. With the same seed and the same seeds of inputs the inputs are the same.

What this prints is written by foreign code. It is used for one thing only: two runs that differ speak against a patch.
"""
import ast
import inspect
import json
import os
import random
import re
import resource
import signal
import sys

MOST_TEXT = 300
# What a text may hold that none of the known ones does.
ANYTHING = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 .,-_()[]\n"


class Slow(BaseException):
    """Raised inside a call that takes too long."""


def harvest(paths, texts, functions):
    """Arguments that tests and examples give the functions, as literals, by function."""
    found = {}
    sources = list(texts)
    for path in paths:
        try:
            with open(path, encoding="utf-8") as file:
                sources.append(file.read(1 << 20))
        except (OSError, UnicodeDecodeError):
            continue
    for source in sources:
        try:
            tree = ast.parse(source)
        except (SyntaxError, ValueError, RecursionError):
            continue
        tables = [node for node in ast.walk(tree) if isinstance(node, (ast.List, ast.Tuple))]
        for node in ast.walk(tree):
            if not isinstance(node, ast.Call) or node.keywords:
                continue
            name = getattr(node.func, "id", getattr(node.func, "attr", None))
            if name not in functions:
                continue
            kept = found.setdefault(name, [])
            try:
                arguments = [ast.literal_eval(argument) for argument in node.args]
            except (ValueError, SyntaxError, MemoryError, RecursionError):
                # Parameters of a table of cases: `f(*case)` or `f(a, b)` with rows of that many values, or one more.
                kept.extend(rows(tables, node))
                continue
            kept.append(arguments)
    return {name: unique(kept)[:200] for name, kept in found.items()}


def rows(tables, call):
    count = None if any(isinstance(a, ast.Starred) for a in call.args) else len(call.args)
    for table in tables:
        try:
            row = ast.literal_eval(table)
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            continue
        row = list(row)
        if count is not None and len(row) == count + 1:
            yield row[:count]
        elif count is not None and len(row) == count > 1:
            yield row


def unique(values):
    seen, kept = set(), []
    for value in values:
        text = repr(value)
        if text not in seen and len(text) < 2000:
            seen.add(text)
            kept.append(value)
    return kept


def accepts(function, arguments):
    try:
        inspect.signature(function).bind(*arguments)
        return True
    except (TypeError, ValueError):
        return False


def invent(kind, chance):
    """A value of an annotated type, or None where the type is not a plain one."""
    text = kind if isinstance(kind, str) else getattr(kind, "__name__", None) if isinstance(kind, type) and not getattr(kind, "__args__", None) else str(kind)
    text = (text or "").replace("typing.", "").strip()
    plain = {
        "int": lambda: chance.choice([0, 1, 2, 3, 5, 10, -1, chance.randint(-50, 200)]),
        "float": lambda: chance.choice([0.0, 1.0, 0.5, -1.5, round(chance.uniform(-20, 20), 2)]),
        "bool": lambda: chance.random() < 0.5,
        "str": lambda: "".join(chance.choice(ANYTHING) for _ in range(chance.randint(0, 8))),
        "bytes": lambda: bytes(chance.randrange(256) for _ in range(chance.randint(0, 6))),
    }
    if text in plain:
        return [plain[text]()]
    match = re.fullmatch(r"(?:list|List|Sequence|Iterable|set|Set|tuple|Tuple)\[(.+?)(?:, *\.\.\.)?\]", text)
    if match or text in ("list", "List"):
        inner = match[1] if match else "int"
        values = [invent(inner, chance) for _ in range(chance.randint(0, 5))]
        if all(values):
            values = [value[0] for value in values]
            try:
                return [set(values) if text.lower().startswith("set") else tuple(values) if text.lower().startswith("tuple") else values]
            except TypeError:
                return None
    match = re.fullmatch(r"(?:dict|Dict|Mapping)\[(.+?), *(.+)\]", text)
    if match:
        pairs = [(invent(match[1], chance), invent(match[2], chance)) for _ in range(chance.randint(0, 4))]
        if all(key and value for key, value in pairs):
            return [{key[0]: value[0] for key, value in pairs}]
    match = re.fullmatch(r"Optional\[(.+)\]", text)
    if match:
        return [None] if chance.random() < 0.2 else invent(match[1], chance)
    return None


def invented(function, chance):
    """Arguments by the annotations; None where one has no plain type."""
    made = []
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return None
    for parameter in parameters:
        if parameter.kind not in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD):
            continue
        if parameter.annotation is parameter.empty:
            if parameter.default is not parameter.empty:
                break
            return None
        value = invent(parameter.annotation, chance)
        if value is None:
            return None
        made.append(value[0])
    return made


def constants(code):
    """What the code compares with or uses, and values beside it: where behaviour changes."""
    found = []
    for const in code.co_consts:
        if isinstance(const, type(code)):
            found.extend(constants(const))
        elif type(const) in (int, float):
            found.extend([const, const + 1, const - 1])
        elif type(const) is str and len(const) < 20:
            found.append(const)
    return found


def varied(value, chance, known):
    """A value near this one, of the same type; `known` are values that the code uses."""
    alike = [other for other in known if type(other) is type(value)]
    if alike and chance.random() < 0.25:
        other = chance.choice(alike)
        if not isinstance(value, str):
            return other
        at = chance.randrange(len(value) + 1)
        return value[:at] + other + value[at:]
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        far = chance.randint(2, 9)
        # What is never below zero in the examples may not be meant to be.
        less = value - far if value < 0 else max(0, value - far)
        return chance.choice([value + 1, value - 1 if value else 1, value * 2, value + far, less])
    if isinstance(value, float):
        return chance.choice([value + 1.0, value - 0.5, value * 2, value / 2, round(value)])
    if isinstance(value, str):
        if not value:
            return chance.choice(["a", "A b"])
        at = chance.randrange(len(value))
        return chance.choice([
            value[:at] + value[at + 1:],
            value[:at] + value[at] + value[at:],
            value[::-1],
            value[:at] + chance.choice(value) + value[at + 1:],
            value + chance.choice(value),
            value[:at] + chance.choice(ANYTHING) + value[at + chance.randrange(2):],
            value[:at] + value[at].swapcase() + value[at + 1:],
            value[:at],
        ])
    if isinstance(value, (list, tuple)):
        items = list(value)
        if items:
            at = chance.randrange(len(items))
            way = chance.randrange(7)
            if way == 0:
                del items[at]
            elif way == 1:
                items.insert(at, items[at])
            elif way == 2:
                items.reverse()
            elif way == 3:
                items[at] = varied(items[at], chance, known)
            elif way == 4:
                chance.shuffle(items)
            elif way == 5:
                items.append(varied(chance.choice(items), chance, known))
            else:
                items = items[:at]
        return type(value)(items) if type(value) in (list, tuple) else value
    if isinstance(value, dict) and value:
        changed = dict(value)
        key = chance.choice(list(changed))
        if chance.random() < 0.3:
            del changed[key]
        else:
            changed[key] = varied(changed[key], chance, known)
        return changed
    if isinstance(value, set) and value:
        return set(varied(sorted(value, key=repr), chance, known))
    return value


def inputs(module, setup):
    """The calls to make, as source text: what tests and examples call, then variations of it and inventions."""
    chance = random.Random(setup["seed"])
    known = harvest(setup["tests"], setup["examples"], set(setup["functions"]))
    calls = []
    for name in setup["functions"]:
        function = getattr(module, name, None)
        if callable(function):
            seeds = [arguments for arguments in known.get(name, []) if accepts(function, arguments)]
            made = variations(function, seeds, setup["count"] // len(setup["functions"]), chance)
            calls.extend(f"{name}({text})" for text in made)
    return calls


def variations(function, seeds, count, chance):
    """Texts of arguments for one function."""
    made = {}
    known = constants(function.__code__) if hasattr(function, "__code__") else []
    for arguments in seeds:
        add(made, arguments)
    for _ in range(count * 6):
        if len(made) >= count:
            break
        arguments = invented(function, chance) if not seeds or chance.random() < 0.1 else None
        if arguments is not None:
            arguments = [varied(value, chance, known) if chance.random() < 0.3 else value for value in arguments]
        elif not seeds:
            break
        else:
            # Variations of variations lead further away, one step at a time.
            arguments = list(chance.choice(list(made.values()) if chance.random() < 0.4 else seeds))
            for _ in range(chance.choice([1, 1, 2, 3])):
                if arguments:
                    at = chance.randrange(len(arguments))
                    arguments[at] = varied(arguments[at], chance, known)
        add(made, arguments)
    return made


def add(made, arguments):
    text = ", ".join(map(repr, arguments))
    try:
        # What cannot be written as a text (an infinity, an object) cannot be called again.
        if len(text) < 600 and ast.literal_eval(f"[{text}]") == arguments:
            made.setdefault(text, arguments)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        pass


def shown(value, depth=0):
    """A text that is equal for equal values."""
    if depth > 20:
        return "…"
    if isinstance(value, float):
        return format(value, ".12g")
    if isinstance(value, (list, tuple)):
        inner = ", ".join(shown(item, depth + 1) for item in value[:1000])
        return f"{type(value).__name__}[{inner}]"
    if isinstance(value, (set, frozenset)):
        return f"{type(value).__name__}{{{', '.join(sorted(shown(item, depth + 1) for item in value))}}}"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{shown(k, depth + 1)}: {shown(v, depth + 1)}" for k, v in list(value.items())[:1000]) + "}"
    if inspect.isgenerator(value):
        items = []
        for item in value:
            items.append(shown(item, depth + 1))
            if len(items) == 200:
                break
        return f"generator[{', '.join(items)}]"
    text = repr(value)
    return re.sub(r" at 0x[0-9a-f]+", "", text)


def expire(number, frame):
    raise Slow()


def observe(calls, module, setup, report):
    """In a child: makes the calls one by one and reports each."""
    signal.signal(signal.SIGPROF, expire)
    names = dict(vars(module))
    for call in calls:
        arguments = None
        try:
            # The arguments are made apart, so that a change of them can be seen.
            tree = ast.parse(call, mode="eval").body
            values = [ast.literal_eval(argument) for argument in tree.args]
            function = names[tree.func.id]
            before = shown(values)
            signal.setitimer(signal.ITIMER_PROF, setup["limit"])
            try:
                got = shown(function(*values))
                end, kind = "value", got
            except Slow:
                end, kind = "slow", ""
            except BaseException as error:
                end, kind = "raise", type(error).__name__
            signal.setitimer(signal.ITIMER_PROF, 0)
            if end == "value" and shown(values) != before:
                kind += " and changes its arguments to " + shown(values)
        except Slow:
            end, kind = "slow", ""
        except BaseException as error:
            end, kind = "unreadable", type(error).__name__
        report([end, kind if len(kind) <= MOST_TEXT else kind[:MOST_TEXT] + f"… {hash_of(kind)}"])


def hash_of(text):
    import hashlib

    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:16]


def main():
    outgoing = os.dup(1)
    setup = json.loads(sys.stdin.readline())
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nothing, stream)
    root = os.getcwd()
    setup["file"] = os.path.join(root, setup["file"])
    setup["tests"] = [os.path.join(root, path) for path in setup["tests"]]
    sys.path[0:0] = [os.path.abspath(path) for path in setup["here"]]
    sys.setrecursionlimit(1000)
    os.chdir(setup["cwd"] or root)
    try:
        module = load(setup["file"])
    except BaseException as error:
        os.write(outgoing, json.dumps({"calls": [], "seen": [], "why": f"it cannot be imported: {type(error).__name__}"}).encode())
        return
    calls = setup["calls"] or inputs(module, setup)
    seen, slow = [], 0
    while len(seen) < len(calls) and slow < 3:
        reading, writing = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(reading)
            resource.setrlimit(resource.RLIMIT_AS, (setup["memory"], setup["memory"]))
            with os.fdopen(writing, "w") as file:
                def report(what):
                    file.write(json.dumps(what) + "\n")
                    file.flush()

                observe(calls[len(seen):], module, setup, report)
            os._exit(0)
        os.close(writing)
        began = len(seen)
        with os.fdopen(reading) as file:
            for line in file:
                try:
                    seen.append(json.loads(line))
                except ValueError:
                    break
                if seen[-1][0] == "slow":
                    slow += 1
                    if slow == 3:
                        break
        try:
            os.kill(pid, signal.SIGKILL)
        except OSError:
            pass
        os.waitpid(pid, 0)
        if len(seen) < len(calls) and slow < 3:
            seen.append(["lost", ""])
            if len(seen) == began + 1:
                slow += 1
    os.write(outgoing, json.dumps({"calls": calls[:len(seen)], "seen": seen}).encode())


main()
