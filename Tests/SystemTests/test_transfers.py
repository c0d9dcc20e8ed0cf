"""What goes over the bus for a file: nothing twice, and after a cut only the rest."""

import hashlib
import json
import os
import pathlib
import re
import shutil
import signal
import tempfile
import unittest

import estiba
import shared

MEBIBYTE = 1 << 20
IS_LONG = os.environ.get("ESTIBA_TEST_LONG") == "1"


class Transfers(shared.Case):
    def setUp(self):
        self.place = pathlib.Path(tempfile.mkdtemp(prefix="estiba-place-"))
        self.addCleanup(shutil.rmtree, self.place, ignore_errors=True)

    def transfers(self, execution, node="node1"):
        """(fetched, reused) bytes of every fetch of an execution, as the node's worker logged them."""
        log = (self.up.folder / "log" / f"{node}.log").read_text(errors="replace")
        lines = [line for line in log.splitlines() if "files fetched" in line and execution in line]
        return [tuple(int(re.search(rf"{key}=(\d+)", line)[1]) for key in ("fetchedBytes", "reusedBytes")) for line in lines]

    def deploy(self, content, name, nodes=("node1",)):
        file = dict(blob=self.up.blob(content), name=name, folder=str(self.place), overwrite=True)
        answer = self.up.submit({"nodes": list(nodes), "kind": "deploy", "files": [file]})
        self.assertEqual(answer.status, 202, answer.body)
        execution = answer.json()["execution"]
        for run in self.up.ended(execution).values():
            self.assertEqual(run["state"], "placed", run)
        self.assertEqual((self.place / name).read_bytes(), content)
        return execution

    def test_an_equal_file_moves_nothing_and_a_nearly_equal_one_the_changed_chunks(self):
        content = bytearray(os.urandom(5 * MEBIBYTE + 17))
        lists = 6 * 32
        self.assertEqual(self.transfers(self.deploy(bytes(content), "first")), [(len(content) + lists, 0)])
        self.assertEqual(self.transfers(self.deploy(bytes(content), "second")), [(0, len(content))])
        content[3 * MEBIBYTE + 5] ^= 1
        self.assertEqual(
            self.transfers(self.deploy(bytes(content), "third")), [(MEBIBYTE + lists, len(content) - MEBIBYTE)])

    def test_a_worker_killed_while_it_fetches_goes_on_from_what_it_has(self):
        content = os.urandom(300 * MEBIBYTE)
        blob = self.up.blob(content)
        file = dict(blob=blob, name="large", folder=str(self.place))
        answer = self.up.submit({"nodes": ["node1"], "kind": "deploy", "files": [file]})
        execution = answer.json()["execution"]
        folder = self.up.folder / "nodes" / "node1"
        assembly = estiba.wait_for(lambda: next(iter(folder.rglob(f"{execution}/blob-{blob}")), None), what="the fetch")
        estiba.wait_for(lambda: assembly.stat().st_blocks * 512 > 40 * MEBIBYTE, 60, "40 MiB of the file")
        pid = self.up.pids()["node1"]
        os.kill(pid, signal.SIGKILL)
        self.assertEqual(self.up.ended(execution, 120)["node1"]["state"], "placed")
        self.assertNotEqual(self.up.pids()["node1"], pid)
        with open(self.place / "large", "rb") as placed:
            self.assertEqual(hashlib.file_digest(placed, "sha256").digest(), hashlib.sha256(content).digest())
        fetched, reused = self.transfers(execution)[-1]
        self.assertGreater(reused, 35 * MEBIBYTE)
        self.assertLess(fetched, len(content) - 35 * MEBIBYTE)
        self.assertEqual(os.listdir(self.place), ["large"])


if __name__ == "__main__":
    unittest.main()
