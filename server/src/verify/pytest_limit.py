"""Shown to pytest inside the sandbox: a test that hangs fails alone, instead of taking all others with it."""

import os
import signal

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
