"""Shown to pytest inside the sandbox: a test that hangs fails alone, instead of taking all others with it; and the
files of tests that call into the file of the task are named, where Python can tell at next to no cost."""

import os
import signal
import sys

import pytest

# Seconds. A fault that makes one test hang makes many hang, so patience ends with the first.
patience = float(os.environ.get("BATON_TEST_SECONDS", "10"))


def limited(item):
    def over(signum, frame):
        global patience
        seconds, patience = patience, min(patience, 2.0)
        # Should the test catch this, it is told again.
        signal.setitimer(signal.ITIMER_REAL, 0.2)
        pytest.fail("took longer than %g s" % seconds)

    try:
        before = signal.signal(signal.SIGALRM, over)
    except ValueError:  # not in the main thread
        yield
        return
    signal.setitimer(signal.ITIMER_REAL, patience)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_setup(item):
    yield from limited(item)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_call(item):
    yield from limited(item)


class Reach:
    """Each function is noticed when a file of tests first calls it, and not again before the next such file."""

    TOOL = 4  # one that Python keeps for nobody

    def __init__(self, focus):
        self.focus, self.running, self.found = focus, None, []
        sys.monitoring.use_tool_id(self.TOOL, "baton")
        event = sys.monitoring.events.PY_START
        sys.monitoring.register_callback(self.TOOL, event, self.called)
        sys.monitoring.set_events(self.TOOL, event)

    def called(self, code, offset):
        if code.co_filename == self.focus and self.running and self.running not in self.found:
            self.found.append(self.running)
        return sys.monitoring.DISABLE

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item):
        file = str(item.path)
        if file != self.running:
            self.running = file
            sys.monitoring.restart_events()

    def pytest_terminal_summary(self, terminalreporter):
        for file in self.found:
            terminalreporter.write_line("[baton reaches] " + file)


def pytest_configure(config):
    focus = os.environ.get("BATON_REACH")
    if focus and hasattr(sys, "monitoring"):
        try:
            config.pluginmanager.register(Reach(focus), "baton_reach")
        except ValueError:  # the number is taken
            pass
