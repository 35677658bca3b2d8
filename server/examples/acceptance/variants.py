"""Programs that could be taken for a fix: single edits of the buggy and of the fixed solution of each task, told apart by
running the visible examples and the hidden tests. Reads HumanEvalFix's Python tasks from a file; writes JSON lines: for each
task itself, each program that passes the visible examples, and the numbers of all.

    python3 variants.py python.jsonl MOST SEED
"""
import ast
import copy
import json
import multiprocessing
import os
import random
import resource
import signal
import sys
import textwrap

COMPARISONS = [ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.Eq, ast.NotEq]
ARITHMETIC = [ast.Add, ast.Sub, ast.Mult, ast.FloorDiv, ast.Div, ast.Mod]
CONSTANTS = ["[]", "0", "None", "True", "False", "''"]
SWAPS = {"min": "max", "max": "min", "any": "all", "all": "any", "sorted": "list", "list": "sorted", "sum": "max", "set": "list"}


def function_of(tree):
    return [node for node in tree.body if isinstance(node, ast.FunctionDef)][-1]


def edits(node, names):
    """Ways to change one node, each a function of its copy; one that returns False changes nothing."""
    def put(field, value):
        return lambda twin: setattr(twin, field, value)

    def at(field, index, value):
        return lambda twin: getattr(twin, field).__setitem__(index, value(getattr(twin, field)[index]))

    def shifted(by):
        operator = ast.Add() if by > 0 else ast.Sub()
        return lambda old: ast.BinOp(old, operator, ast.Constant(1))

    if isinstance(node, ast.Compare):
        for index, operator in enumerate(node.ops):
            if type(operator) in COMPARISONS:
                yield from (at("ops", index, lambda _, kind=kind: kind()) for kind in COMPARISONS if kind is not type(operator))
    if isinstance(node, (ast.BinOp, ast.AugAssign)) and type(node.op) in ARITHMETIC:
        yield from (put("op", kind()) for kind in ARITHMETIC if kind is not type(node.op))
    if isinstance(node, ast.BoolOp):
        yield put("op", ast.Or() if isinstance(node.op, ast.And) else ast.And())
        for index in range(len(node.values)):
            yield put("values", node.values[:index] + node.values[index + 1:])
    if isinstance(node, ast.Constant) and type(node.value) in (int, float):
        yield from (put("value", value) for value in sorted({node.value + 1, node.value - 1, 0, 1} - {node.value}))
    if isinstance(node, ast.Constant) and type(node.value) is bool:
        yield put("value", not node.value)
    if isinstance(node, ast.Constant) and type(node.value) is str and 0 < len(node.value) < 10:
        yield from (put("value", value) for value in sorted({"", " ", node.value.lower(), node.value.upper()} - {node.value}))
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node.id in names:
        yield from (put("id", name) for name in names if name != node.id)
    if isinstance(node, (ast.If, ast.While, ast.IfExp)):
        yield put("test", ast.UnaryOp(ast.Not(), node.test))
    if isinstance(getattr(node, "body", None), list):
        # A docstring does nothing, so to leave it out is no edit.
        first = 1 if isinstance(node, ast.FunctionDef) and ast.get_docstring(node) is not None else 0
        yield from (at("body", index, lambda _: ast.Pass()) for index in range(first, len(node.body)))
    if isinstance(node, ast.Call):
        if len(node.args) == 2:
            yield put("args", node.args[::-1])
        if isinstance(node.func, ast.Name) and node.func.id in SWAPS:
            yield put("func", ast.Name(SWAPS[node.func.id], ast.Load()))
        if isinstance(node.func, ast.Name) and node.func.id == "range":
            yield from (at("args", index, shifted(by)) for index in range(len(node.args)) for by in (1, -1))
    if isinstance(node, ast.Return) and node.value is not None:
        yield from (put("value", ast.parse(text, mode="eval").body) for text in CONSTANTS)
    if isinstance(node, ast.Subscript):
        if not isinstance(node.slice, ast.Slice):
            yield from (put("slice", shifted(by)(node.slice)) for by in (1, -1))
        elif node.slice.upper is not None:
            yield from (put("slice", ast.Slice(node.slice.lower, shifted(by)(node.slice.upper), node.slice.step)) for by in (1, -1))


def variants(text):
    """Every text that one edit makes of this one; laid out as `ast.unparse` does."""
    tree = ast.parse(text)
    function = function_of(tree)
    nodes = list(ast.walk(function))
    stored = {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    names = sorted(stored | {node.arg for node in nodes if isinstance(node, ast.arg)})
    found = set()
    for index, node in enumerate(nodes):
        for edit in edits(node, names):
            twin = copy.deepcopy(tree)
            edit(list(ast.walk(function_of(twin)))[index])
            try:
                found.add(ast.unparse(ast.fix_missing_locations(twin)))
            except (ValueError, RecursionError):
                continue
    return sorted(found - {ast.unparse(tree)})


def passes(text, test, seconds):
    """Whether a program passes its test, in a process of its own with limits."""
    pid = os.fork()
    if pid == 0:
        nothing = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(nothing, stream)
        resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
        signal.alarm(seconds * 5)
        try:
            exec(compile(f"{text}\n{test}", "<program>", "exec"), {"__name__": "program"})
            os._exit(0)
        except BaseException:
            os._exit(1)
    return os.waitpid(pid, 0)[1] == 0


def judge(job):
    task, most, seed = job
    chance = random.Random(f"{seed} {task['task_id']}")
    visible, hidden = textwrap.dedent(task["example_test"]), task["test"]
    buggy, fixed = (task["prompt"] + task[f"{which}_solution"] for which in ("buggy", "canonical"))
    start = {"task": task["task_id"], "name": task["entry_point"], "visible": visible, "hidden": hidden}
    start |= {"buggy": ast.unparse(ast.parse(buggy)), "fixed": ast.unparse(ast.parse(fixed))}
    lines, tried, wrong = [start], 0, 0
    for origin, solution in (("buggy", buggy), ("fixed", fixed)):
        programs = variants(solution)
        chance.shuffle(programs)
        for text in programs[:most]:
            tried += 1
            if not passes(text, visible, 1):
                wrong += 1
                continue
            right = passes(text, hidden, 3)
            wrong += not right
            lines.append({"task": task["task_id"], "origin": origin, "text": text, "right": right})
    lines.append({"task": task["task_id"], "tried": tried, "wrong": wrong})
    return lines


def main():
    path, most, seed = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    with open(path, encoding="utf-8") as file:
        jobs = [(json.loads(line), most, seed) for line in file]
    with multiprocessing.Pool(os.cpu_count()) as pool:
        for lines in pool.imap(judge, jobs):
            for line in lines:
                print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
