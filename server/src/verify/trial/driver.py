"""Judges many candidate texts of one Python file quickly, by the project's own tests.

It is given to the project's interpreter with -c and runs inside the sandbox. Requests come as JSON lines on
stdin, one answer each goes to stdout; both are moved to high descriptors first, so that a test that prints (or
closes its streams) cannot reach them by accident. What is dear is done once: the test framework is imported and
configured before the first request, and every candidate is judged in a fork of that state.

There are two such states. The *cold* one has collected nothing: a fork imports the candidate as if it stood in
the file. The *hot* one has collected the tests with the original text: a fork only exchanges the code objects of
the functions that differ, which takes a few milliseconds. A hot judgement is a good guess; the caller confirms
what passes with a cold one.
"""
import fcntl
import gc
import importlib.machinery
import json
import mmap
import os
import resource
import select
import signal
import sys
import tempfile
import threading
import time
import types

MAX_LISTED = 2000


class Hung(BaseException):
    """Raised inside a test that has used up its processor time."""


class Focus:
    """The file whose text is exchanged, wherever the interpreter imports it from."""

    def __init__(self, path, text):
        self.path = os.path.realpath(path)
        self.text = text
        self.codes = []
        self.known = {}
        loader = importlib.machinery.SourceFileLoader
        get_code, get_data = loader.get_code, loader.get_data
        focus = self

        def code(self, fullname):
            if focus.here(self.path):
                compiled = compile(focus.text, self.path, "exec", dont_inherit=True)
                focus.codes.append(compiled)
                return compiled
            return get_code(self, fullname)

        def data(self, path):
            return focus.text.encode() if focus.here(path) else get_data(self, path)

        loader.get_code, loader.get_data = code, data

    def here(self, path):
        """Whether a path, as the interpreter knows it, is the file."""
        answer = self.known.get(path)
        if answer is None:
            answer = self.known[path] = os.path.realpath(path) == self.path
        return answer

    def remember(self):
        """Finds the functions that the original text made; call it once everything is imported."""
        self.live = {}
        places = {}
        for code in self.codes:
            for place, inner in nested(code):
                places[id(inner)] = place
        for thing in gc.get_objects():
            if type(thing) is types.FunctionType and self.here(thing.__code__.co_filename):
                self.live.setdefault(places.get(id(thing.__code__)), []).append(thing)

    def exchange(self, text):
        """Gives the functions the code they have in `text`; False where that would not be the whole change."""
        if not self.codes or None in self.live:
            return False
        new = compile(text, self.codes[0].co_filename, "exec", dont_inherit=True)
        changes = []
        if not self.differences(self.codes[0], new, (), changes):
            return False
        for function, code in changes:
            if function.__code__.co_freevars != code.co_freevars:
                return False
            function.__code__ = code
        return True

    def differences(self, old, new, place, changes):
        if shell(old) != shell(new):
            return False
        inner_old, inner_new = dict(children(old)), dict(children(new))
        if inner_old.keys() != inner_new.keys():
            return False
        for name, code in inner_old.items():
            if not code.co_flags & 1:  # a class body: it ran at import and must be as it was
                if not self.differences(code, inner_new[name], place + (name,), changes):
                    return False
            elif code != inner_new[name]:
                functions = self.live.get(place + (name,))
                if not functions:
                    return False
                changes.extend((function, inner_new[name]) for function in functions)
                for deeper, inner in nested(inner_new[name], place + (name,)):
                    changes.extend((function, inner) for function in self.live.get(deeper, ()))
        return True


def children(code):
    """The code objects directly inside, each with a name that is unique there."""
    seen = {}
    for const in code.co_consts:
        if isinstance(const, types.CodeType):
            count = seen[const.co_name] = seen.get(const.co_name, 0) + 1
            yield (const.co_name, count), const


def nested(code, place=()):
    for name, inner in children(code):
        yield place + (name,), inner
        yield from nested(inner, place + (name,))


def shell(code):
    """Everything that a code object does by itself, without the code objects in it."""
    consts = [(type(c).__name__, "" if isinstance(c, types.CodeType) else repr(c)) for c in code.co_consts]
    names = (code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars)
    return code.co_code, names, consts


class Tracer:
    """Notes which lines of the file run, in shared memory, so that a test that must be killed leaves them too."""

    def __init__(self, focus, lines):
        self.focus, self.lines = focus, lines
        self.words, self.kinds, self.samples, self.events = set(), {}, 0, 0
        self.importing, self.early = True, False

    def start(self):
        threading.settrace(self.enter)
        sys.settrace(self.enter)

    def stop(self):
        sys.settrace(None)

    def enter(self, frame, event, arg):
        if not self.focus.here(frame.f_code.co_filename):
            return None
        code = frame.f_code
        self.note(frame.f_lineno)
        self.early = self.early or (self.importing and bool(code.co_flags & 1))
        return self.step if self.events < 200_000 else None

    def step(self, frame, event, arg):
        self.note(frame.f_lineno)
        self.events += 1
        if event != "line" and self.samples < 3000:
            self.samples += 1
            self.look(frame)
        return self.step if self.events < 200_000 else None

    def note(self, line):
        if line < len(self.lines):
            self.lines[line] = 1

    def look(self, frame):
        """The types of local variables and the attributes of their values: names that code here could use."""
        if not frame.f_code.co_flags & 1:
            return
        for name, value in list(frame.f_locals.items()):
            kind = type(value)
            kinds = self.kinds.setdefault(name, set())
            if len(kinds) < 4:
                kinds.add(kind.__name__)
            if kind.__module__ != "builtins" and len(self.words) < 200:
                held = getattr(value, "__dict__", None)
                if type(held) is dict:
                    self.words.update(word for word in list(held)[:50] if type(word) is str and word.isidentifier())

    def take(self):
        self.importing, self.events = False, 0
        ran = [line for line in range(len(self.lines)) if self.lines[line]]
        self.lines[:] = bytes(len(self.lines))
        return ran


class Driver:
    """Serves requests; `serve` returns in a child, which then carries out `self.request`."""

    def __init__(self, setup, incoming, outgoing):
        self.setup, self.incoming, self.outgoing = setup, incoming, outgoing
        self.focus = Focus(setup["focus"], setup["text"])
        self.hot = None
        self.is_hot = False
        self.order = None
        self.token = ""
        self.private = [incoming.fileno(), outgoing.fileno()]
        self.served = False
        self.request = None
        self.report = None
        self.tracer = None
        self.lines = mmap.mmap(-1, setup["text"].count("\n") + 3)

    def answer(self, value):
        self.outgoing.write(json.dumps(value).encode() + b"\n")
        self.outgoing.flush()

    def serve(self, tests=()):
        """Answers requests until stdin ends. In a child it returns, with the request to carry out."""
        self.served = True
        if self.is_hot:
            self.focus.remember()
            self.answer({"hot": bool(self.focus.codes) and None not in self.focus.live, "count": len(tests)})
        gc.collect()
        gc.freeze()
        while True:
            line = self.incoming.readline()
            if not line:
                os._exit(0)
            request = json.loads(line)
            if request["op"] == "plan":
                self.order = {name: at for at, name in enumerate(request["order"])}
                self.answer({"id": request["id"], "end": "done"})
            elif request["op"] == "warm":
                if self.warm():
                    return
            elif request.get("hot") and not self.is_hot:
                self.pass_on(line, request)
            elif self.fork(request):
                return

    def warm(self):
        theirs_in, ours_out = os.pipe()
        ours_in, theirs_out = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(ours_out)
            os.close(ours_in)
            for stream in self.private:
                os.close(stream)
            self.private = [theirs_in, theirs_out]
            self.incoming, self.outgoing = os.fdopen(theirs_in, "rb"), os.fdopen(theirs_out, "wb")
            self.is_hot = True
            sys.dont_write_bytecode = False
            return True
        os.close(theirs_in)
        os.close(theirs_out)
        self.hot = os.fdopen(ours_out, "wb"), os.fdopen(ours_in, "rb")
        self.private += [ours_out, ours_in]
        ready, _, _ = select.select([ours_in], [], [], self.setup["warm_wall"])
        hello = self.hot[1].readline() if ready else b""
        if hello:
            self.answer(json.loads(hello))
        else:
            os.kill(pid, signal.SIGKILL)
            self.hot = None
            self.answer({"hot": False})
        return False

    def pass_on(self, line, request):
        try:
            self.hot[0].write(line)
            self.hot[0].flush()
            answer = self.hot[1].readline()
        except (OSError, TypeError):
            answer = b""
        self.answer(json.loads(answer) if answer else {"id": request["id"], "end": "cold"})

    def fork(self, request):
        """Judges in a child; True in the child itself."""
        seen = {"passed": [], "failed": [], "skipped": [], "hung": [], "tests": []}
        undone = None
        end = "done"
        self.lines[:] = bytes(len(self.lines))
        while True:
            reading, writing = os.pipe()
            # A test that writes to every descriptor it finds does not know this word.
            self.token = os.urandom(8).hex()
            pid = os.fork()
            if pid == 0:
                os.close(reading)
                self.become(request, writing, undone)
                return True
            os.close(writing)
            current, end, details = self.watch(pid, reading, request, seen)
            if request["op"] != "trace" or current is None or len(seen["hung"]) >= 4:
                break
            undone = set(seen["passed"]) | set(seen["failed"]) | set(seen["skipped"]) | set(seen["hung"])
        answer = {"id": request["id"], "end": end, **details}
        if request["op"] == "trace":
            answer["tests"] = seen["tests"][:MAX_LISTED]
        else:
            answer["passed"] = len(seen["passed"])
            answer["failed"], answer["hung"] = seen["failed"][:20], seen["hung"][:20]
        self.answer(answer)
        return False

    def watch(self, pid, reading, request, seen):
        """Reads a child's events until it ends or must be killed."""
        # A child counts its own processor time; this clock is for one that sleeps or catches everything.
        patience = request["limit"] * 4 + 1.0
        current, end, details = None, "died", {}
        started = time.monotonic()
        pending = b""
        while True:
            left = started + patience - time.monotonic()
            ready, _, _ = select.select([reading], [], [], max(left, 0))
            if not ready:
                end = "hung"
                break
            chunk = os.read(reading, 1 << 20)
            if not chunk:
                break
            lines = (pending + chunk).split(b"\n")
            pending = lines.pop()
            for line in lines:
                try:
                    event = json.loads(line)
                    known = event.pop("token") == self.token
                    kind = event.pop("event")
                except (ValueError, TypeError, KeyError, AttributeError):
                    known = False
                if not known:
                    seen["failed"].append("forged")
                    continue
                if kind == "start":
                    current, started = event["id"], time.monotonic()
                elif kind == "end":
                    current = None
                    seen[event["status"]].append(event["id"])
                    seen["tests"].append(event)
                else:
                    end, details = kind, event
        try:
            os.killpg(pid, signal.SIGKILL)
        except OSError:
            pass
        os.close(reading)
        os.waitpid(pid, 0)
        if current is not None:
            seen["hung" if end == "hung" else "failed"].append(current)
            ran = [line for line in range(len(self.lines)) if self.lines[line]]
            status = "hung" if end == "hung" else "failed"
            seen["tests"].append({"id": current, "status": status, "ms": 0, "lines": ran, "frames": []})
            self.lines[:] = bytes(len(self.lines))
        return current, end, details

    # From here on: in a child.

    def become(self, request, writing, done):
        os.setpgid(0, 0)
        self.request, self.done, self.hangs = request, done or set(), 0
        for stream in self.private:
            os.close(stream)
        self.report = os.fdopen(writing, "wb")
        memory = self.setup["memory"]
        for limit, value in ((resource.RLIMIT_AS, memory), (resource.RLIMIT_CORE, 0)):
            try:
                resource.setrlimit(limit, (value, value))
            except (OSError, ValueError):
                pass
        sys.dont_write_bytecode = request["op"] != "trace"
        if request["op"] == "trace":
            self.tracer = Tracer(self.focus, self.lines)
        elif not self.is_hot:
            self.focus.text = request["text"]
        else:
            try:
                fits = self.focus.exchange(request["text"])
            except (SyntaxError, ValueError):
                self.finish("broken")
            if not fits:
                self.finish("cold")

    def event(self, kind, **values):
        values["event"], values["token"] = kind, self.token
        self.report.write(json.dumps(values).encode() + b"\n")
        self.report.flush()

    def finish(self, kind, **values):
        self.event(kind, **values)
        os._exit(0)

    def chosen(self, names):
        """Which tests to run, in order: those of the plan, where there is one."""
        if self.order is None:
            return [at for at, name in enumerate(names) if name not in self.done]
        planned = sorted((self.order[name], at) for at, name in enumerate(names) if name in self.order)
        return [at for _, at in planned if names[at] not in self.done]

    def begin(self, name):
        self.event("start", id=name)
        self.began = time.process_time()
        signal.signal(signal.SIGPROF, self.expire)
        # Where one test hangs, others do: the first has shown where, the next need not take as long.
        limit = self.request["limit"] / (4 if self.hangs else 1)
        signal.setitimer(signal.ITIMER_PROF, limit, 0.2)
        if self.tracer:
            self.tracer.start()

    def expire(self, number, frame):
        raise Hung()

    def end(self, name, status, trace=None):
        signal.setitimer(signal.ITIMER_PROF, 0)
        values = {"id": name, "status": status, "ms": round((time.process_time() - self.began) * 1000, 2)}
        if self.tracer:
            self.tracer.stop()
            values["lines"], values["frames"] = self.tracer.take(), self.frames(trace)
        self.event("end", **values)
        self.hangs += status == "hung"
        if self.request["op"] == "trace":
            return self.hangs >= 4
        return status in ("failed", "hung")

    def frames(self, trace):
        """The lines of the file on the way to an error, innermost last."""
        lines = []
        while trace is not None:
            if self.focus.here(trace.tb_frame.f_code.co_filename):
                if not lines or lines[-1] != trace.tb_lineno:
                    lines.append(trace.tb_lineno)
            trace = trace.tb_next
        return lines[-20:]

    def complete(self):
        values = {}
        if self.tracer:
            kinds = {name: sorted(found) for name, found in list(self.tracer.kinds.items())[:500]}
            values = {"words": sorted(self.tracer.words), "kinds": kinds, "loaded": bool(self.focus.codes)}
            values["early"] = self.tracer.early
        self.finish("done", **values)


class Pytest:
    """Runs the tests with pytest, as one of its plugins."""

    def __init__(self, driver):
        import pytest

        self.driver = driver
        mark = pytest.hookimpl(tryfirst=True)
        for name in ("pytest_collection", "pytest_runtestloop", "pytest_collectreport", "pytest_runtest_protocol"):
            setattr(type(self), name, mark(getattr(type(self), name)))

    def run(self, arguments):
        import pytest

        quiet = ["-p", "no:cacheprovider", "--tb=native", "-q", "-s"]
        pytest.main(arguments + quiet, plugins=[self])

    def pytest_collection(self, session):
        self.driver.serve()
        if not self.driver.is_hot and self.driver.tracer:
            self.driver.tracer.start()

    def pytest_collectreport(self, report):
        if report.failed and not self.driver.is_hot:
            self.driver.finish("broken")

    def pytest_runtestloop(self, session):
        driver = self.driver
        if driver.tracer:
            driver.tracer.stop()
            driver.tracer.take()
        if driver.is_hot:
            driver.serve(session.items)
        names = [item.nodeid for item in session.items]
        items = [session.items[at] for at in driver.chosen(names)]
        for at, item in enumerate(items):
            self.status, self.trace = "passed", None
            driver.begin(item.nodeid)
            after = items[at + 1] if at + 1 < len(items) else None
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=after)
            if driver.end(item.nodeid, self.status, self.trace):
                break
        driver.complete()

    def pytest_runtest_protocol(self, item):
        # Nobody reads how a failure would be shown, and showing it costs more than the test.
        item.repr_failure = item._repr_failure_py = lambda *_, **__: "failed"
        try:
            from _pytest.assertion import util

            util.assertrepr_compare = lambda *_, **__: None
        except ImportError:
            pass

    def pytest_runtest_makereport(self, item, call):
        if call.excinfo is not None:
            self.trace = call.excinfo.tb
            if call.excinfo.type is Hung:
                self.status = "hung"

    def pytest_runtest_logreport(self, report):
        if report.failed and self.status != "hung":
            self.status = "failed"
        elif report.skipped and self.status == "passed":
            self.status = "skipped"


class Unittest:
    """Runs the tests with unittest, as its runner."""

    def __init__(self, driver):
        self.driver = driver

    def run(self, arguments):
        import unittest

        self.driver.serve()
        if not self.driver.is_hot and self.driver.tracer:
            self.driver.tracer.start()
        outer = self

        class Runner:
            def run(self, suite):
                outer.suite(suite)

        unittest.main(module=None, argv=["unittest"] + arguments, exit=False, testRunner=Runner())

    def suite(self, suite):
        import unittest

        driver = self.driver
        items = list(flat(suite))
        if driver.tracer:
            driver.tracer.stop()
            driver.tracer.take()
        if driver.is_hot:
            driver.serve(items)
        if any(type(item).__name__ == "_FailedTest" for item in items):
            driver.finish("broken")

        class Result(unittest.TestResult):
            def startTest(self, test):
                super().startTest(test)
                self.status, self.trace = "passed", None
                driver.begin(test.id())

            def stopTest(self, test):
                super().stopTest(test)
                if driver.end(test.id(), self.status, self.trace):
                    self.stop()

            def addError(self, test, err):
                self.status = "hung" if err[0] is Hung else "failed"
                self.trace = err[2]

            addFailure = addError

            def addSubTest(self, test, subtest, err):
                if err is not None:
                    self.addError(test, err)

            def addSkip(self, test, reason):
                self.status = "skipped"

            def addExpectedFailure(self, test, err):
                self.status = "skipped"

            def addUnexpectedSuccess(self, test):
                self.status = "failed"

        names = [item.id() for item in items]
        unittest.TestSuite([items[at] for at in driver.chosen(names)]).run(Result())
        driver.complete()


def flat(suite):
    try:
        parts = list(suite)
    except TypeError:
        yield suite
        return
    for part in parts:
        yield from flat(part)


def main():
    incoming = os.fdopen(fcntl.fcntl(0, fcntl.F_DUPFD_CLOEXEC, 200), "rb")
    outgoing = os.fdopen(fcntl.fcntl(1, fcntl.F_DUPFD_CLOEXEC, 200), "wb")
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nothing, stream)
    setup = json.loads(incoming.readline())
    sys.path[0:1] = [os.getcwd()] if setup["here"] else []
    sys.argv = [setup["runner"]] + setup["arguments"]
    # Compiled files go where no candidate's can be taken for another's; the original's are written once.
    sys.pycache_prefix = tempfile.mkdtemp(prefix="pyc")
    driver = Driver(setup, incoming, outgoing)
    try:
        runner = {"pytest": Pytest, "unittest": Unittest}[setup["runner"]](driver)
        runner.run(setup["arguments"])
    finally:
        if driver.report is not None:
            os._exit(3)
        driver.answer({"hot": False} if driver.is_hot else {"fatal": True})
        os._exit(3)


main()
