"""A test case with an installation by YAML of its own, whose parts it may end, hold back, freeze and start with other settings."""

import http.client
import json
import os
import re
import signal
import time
import unittest

import estiba
from chaos import parts


# Lines at a steady pace, long enough for all that is done meanwhile; `.stop` in the working folder ends it.
PRINTER = """
import os, sys, time
number = 0
while not os.path.exists(sys.argv[1]):
    number += 1
    print("line", number, flush=True)
    print("error", number, file=sys.stderr, flush=True)
    time.sleep(0.02)
open(sys.argv[1], "w").write(str(number))
sys.exit(7)
"""


class Case(unittest.TestCase):
    nodes = 3

    @classmethod
    def make(cls):
        return parts.Parts(1, brokers=1, gateways=1, nodes=cls.nodes)

    @classmethod
    def setUpClass(cls):
        cls.there = cls.make()
        cls.addClassCleanup(cls.there.stop)
        cls.gateway = cls.there.gateways[0]

    def ask(self, method, path, body=None, **fields):
        """An answer, as soon as the gateway is there to give one."""
        def answer():
            try:
                return self.there.ask(self.gateway, method, path, body, **fields)
            except (OSError, http.client.HTTPException):
                return None

        return estiba.wait_for(answer, 30, "an answer")

    def submit(self, nodes, *words, key=None, **more):
        answer = self.ask("POST", "executions", {"nodes": nodes, "command": {"arguments": list(words)}, **more},
                          Idempotency_Key=key or os.urandom(8).hex())
        self.assertIn(answer.status, (200, 202), answer.body)
        return answer.json()["execution"]

    def runs(self, execution):
        return {run["node"]: run for run in self.ask("GET", f"executions/{execution}").json()["runs"]}

    def ended(self, execution, seconds=30):
        def ended():
            runs = self.runs(execution)
            return runs if all(run["terminal"] for run in runs.values()) else None

        return estiba.wait_for(ended, seconds, f"the end of {execution}")

    def is_present(self, node):
        return any(each["name"] == node and each["present"] for each in self.ask("GET", "nodes").json()["nodes"])

    def restart(self, part, number=signal.SIGKILL):
        """Ends a part; returns when the next one is there and, where it is a node, seen."""
        before = self.there.signal(part, number)
        estiba.wait_for(lambda: self.there.pid(part) not in (None, before), 20, part)
        if part.startswith("node"):
            estiba.wait_for(lambda: self.is_present(part), 30, part)

    def settings(self, part, **more):
        """The part comes back with further settings."""
        file = self.there.folder / f"{part}.yaml"
        text = re.sub(r"(?m)^(programVersion|protocolVersions|supervisor): .*\n", "", file.read_text())
        file.write_text(text + "".join(f"{key}: {json.dumps(value)}\n" for key, value in more.items()))
        before = self.there.kill(part)
        estiba.wait_for(lambda: self.there.pid(part) not in (None, before), 20, part)


class Printing(Case):
    """With a command that prints until it is told to end, and says then how much that was."""

    def start(self, node="node1"):
        """A command that prints until `finish`."""
        self.mark = self.there.folder / ("end-" + os.urandom(4).hex())
        execution = self.submit([node], "python3", "-c", PRINTER, str(self.mark))
        estiba.wait_for(lambda: self.copied(execution, node) > 0, 30, "the first line")
        return execution

    def copied(self, execution, node="node1"):
        return self.runs(execution)[node]["copied"]

    def finish(self, execution, node="node1"):
        """Lets it end; its output must be complete and its exit code its own."""
        self.mark.touch()
        run = self.ended(execution)[node]
        self.assertEqual((run["state"], run.get("code")), ("exited", 7), run)
        estiba.wait_for(lambda: self.ask("GET", f"executions/{execution}").json()["complete"], 20, "all output")
        count = int(self.mark.read_text())
        self.assertGreater(count, 20)
        for stream, word in [("stdout", "line"), ("stderr", "error")]:
            body = self.ask("GET", f"executions/{execution}/raw?node={node}&stream={stream}").body
            self.assertEqual(body.decode().splitlines(), [f"{word} {number}" for number in range(1, count + 1)])

    def goes_on(self, execution, node="node1", seconds=20):
        """Waits until more of its output has come; returns how long that took."""
        before, began = self.copied(execution, node), time.monotonic()
        estiba.wait_for(lambda: self.copied(execution, node) > before, seconds, "more output")
        return time.monotonic() - began
