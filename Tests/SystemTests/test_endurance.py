"""Lines on both streams while readers come and go and every part is killed again and again: byte-exact, in order, right exit
code."""

import os
import random
import re
import threading
import time
import unittest

import estiba

LINES = 1_000_000 if os.environ.get("ESTIBA_TEST_LONG") else 100_000
READERS = 50
KILLS = 50 if os.environ.get("ESTIBA_TEST_LONG") else 20
# `up` waits longer and longer before it starts a part that keeps dying, so the kills want their time.
SECONDS = 150 if os.environ.get("ESTIBA_TEST_LONG") else 45

PROGRAM = """
import sys, time
lines = %d
for number in range(1, lines + 1):
    sys.stdout.write(f"out {number}\\n")
    sys.stderr.write(f"err {number}\\n")
    if number %% (lines // 100) == 0:
        sys.stdout.flush()
        time.sleep(%f)
sys.exit(7)
"""


class Endurance(unittest.TestCase):
    killed = 0

    def kill(self, up):
        """Kills the parts in turn, each as soon as there is a next one of it, over the time the command runs."""
        for number in range(KILLS):
            part = ("node1", "broker", "gateway")[number % 3]
            estiba.wait_for(lambda: part in up.pids(), 30, part)
            up.kill(part)
            self.killed += 1
            time.sleep(random.uniform(0.5, 1.5) * SECONDS / KILLS)

    def test_every_part_is_killed_and_no_line_is_lost(self):
        wanted = {stream: "".join(f"{stream} {number}\n" for number in range(1, LINES + 1)).encode() for stream in ("out", "err")}
        with estiba.Up(nodes=1) as up:
            # From its restart on, the broker drops one slice in twenty.
            self.assertTrue(drop_output(up, percent=5))
            execution = up.detached("run", "-n", "node1", "--", "python3", "-c", PROGRAM % (LINES, SECONDS / 100))
            steady = up.start("logs", "-f", execution, "--raw")
            results = {}
            thread = threading.Thread(target=lambda: results.update(steady=steady.communicate(timeout=SECONDS + 180)))
            thread.start()
            killer = threading.Thread(target=self.kill, args=(up,))
            killer.start()
            for number in range(READERS):
                reader = up.start("logs", "-f", execution, "--raw")
                time.sleep(random.uniform(0.05, 0.5))
                reader.kill()
                out, _ = reader.communicate()
                self.assertEqual(out, wanted["out"][:len(out)], f"reader {number}")
            killer.join()
            self.assertEqual(self.killed, KILLS)
            thread.join()
            out, errors = results["steady"]
            self.assertEqual(steady.returncode, 7)
            self.assertEqual(first_difference(out, wanted["out"]), None)
            # What the command line says of the gateway's absence stands between, perhaps in the middle of a line.
            self.assertEqual(first_difference(re.sub(rb"estiba: [^\n]*\n", b"", errors), wanted["err"]), None)
            for stream in ("out", "err"):
                body = up.raw(execution, stream=f"std{stream}")
                self.assertEqual(first_difference(body, wanted[stream]), None)


def drop_output(up, percent):
    """The broker of this installation comes back dropping a share of the output lane on purpose."""
    with open(up.folder / "broker.yaml", "a") as settings:
        settings.write(f"dropOutputPercent: {percent}\n")
    before = up.kill("broker")
    estiba.wait_for(lambda: up.pids().get("broker", before) != before, what="broker")
    return estiba.wait_for(lambda: "dropped on purpose" in (up.folder / "log/broker.log").read_text(), what="the fault")


def first_difference(found, wanted):
    """Where two outputs part, with what stands there; None where they are the same."""
    if found == wanted:
        return None
    at = next((index for index, (a, b) in enumerate(zip(found, wanted)) if a != b), min(len(found), len(wanted)))
    return at, len(found), len(wanted), found[at:at + 40], wanted[at:at + 40]


if __name__ == "__main__":
    unittest.main()
