"""Runs a folder of test cases, says how long each took, and ends with `N passed, N failed`."""

import argparse
import collections
import os
import signal
import sys
import time
import unittest

SLOWEST = 20
# A test that waits for what never comes fails, and the others have their turn.
LONGEST_SECONDS = 3600 if os.environ.get("ESTIBA_TEST_LONG") else 300


def too_long(*_):
    raise TimeoutError(f"no end after {LONGEST_SECONDS} s")


class Result(unittest.TextTestResult):
    """Takes the time of each test, and of what was done between two of them: a class's installation comes up and ends there."""

    def __init__(self, *arguments, **more):
        super().__init__(*arguments, **more)
        self.seconds = collections.Counter()
        self.mark = time.monotonic()

    def take(self, name):
        now = time.monotonic()
        self.seconds[name] += now - self.mark
        self.mark = now

    def startTest(self, test):
        self.take(f"(around {type(test).__name__})")
        super().startTest(test)
        signal.alarm(LONGEST_SECONDS)

    def stopTest(self, test):
        signal.alarm(0)
        super().stopTest(test)
        self.take(test.id())


def slowest(seconds):
    by_file = collections.Counter()
    for name, taken in seconds.items():
        if not name.startswith("("):
            by_file[name.split(".")[0]] += taken
    lines = [f"{taken:7.1f} s  {name}" for name, taken in seconds.most_common(SLOWEST)]
    files = ", ".join(f"{name.removeprefix('test_')} {taken:.0f} s" for name, taken in by_file.most_common())
    return "\n".join(["The slowest:", *lines, f"By file: {files}", f"All: {sum(seconds.values()):.0f} s"])


def run(folder, description):
    """The exit code of all cases in a folder, or with `-k PATTERN` of those whose name holds it."""
    parser = argparse.ArgumentParser(description=description.splitlines()[0])
    parser.add_argument("-k", dest="pattern", action="append", help="only tests whose name holds this")
    arguments = parser.parse_args()
    # Ended in the middle, also where SIGINT is ignored, it tidies up.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    signal.signal(signal.SIGALRM, too_long)
    loader = unittest.TestLoader()
    if arguments.pattern:
        loader.testNamePatterns = [f"*{pattern}*" for pattern in arguments.pattern]
    suite = loader.discover(str(folder), pattern="test_*.py")
    result = unittest.TextTestRunner(stream=sys.stdout, verbosity=2, resultclass=Result).run(suite)
    failed = len({test.id().split(" ")[0] for test, _ in result.failures + result.errors}) + len(result.unexpectedSuccesses)
    skipped = len(result.skipped)
    print(slowest(result.seconds))
    print(f"{max(0, result.testsRun - failed - skipped)} passed, {failed} failed" + (f", {skipped} skipped" if skipped else ""))
    return 1 if failed or result.testsRun == 0 else 0
