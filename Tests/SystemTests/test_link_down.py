"""A node in a network namespace of its own, whose link goes down without a word to anybody, and comes back."""

import pathlib
import subprocess
import sys
import unittest

import compose


class LinkDown(unittest.TestCase):
    def test_a_link_that_goes_down_and_comes_back_loses_nothing(self):
        """Does chaos/linkdown.py in a namespace of its own, so that nothing is changed in this machine's network."""
        reason = compose.obstacle()
        if reason:
            self.skipTest(reason)
        script = "ip link set lo up && exec \"$0\" \"$@\""
        done = subprocess.run(
            ["unshare", "-n", "sh", "-c", script, sys.executable, "-m", "unittest", "chaos.linkdown"],
            cwd=pathlib.Path(__file__).parent, capture_output=True, text=True, timeout=180)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        print(done.stdout.strip(), end=" ")


if __name__ == "__main__":
    unittest.main()
