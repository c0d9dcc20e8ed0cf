"""A test case with an installation by YAML of its own, whose parts it may end, hold back, freeze and start with other settings."""

import http.client
import json
import os
import re
import signal
import unittest

import estiba
from chaos import installation


class Case(unittest.TestCase):
    brokers, nodes = 1, 3

    @classmethod
    def setUpClass(cls):
        cls.there = installation.Parts(1, brokers=cls.brokers, gateways=1, nodes=cls.nodes)
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
