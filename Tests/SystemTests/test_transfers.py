"""What goes over the bus for a file: nothing twice, and after a cut only the rest."""

import hashlib
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
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


@unittest.skipUnless(IS_LONG, "takes minutes and 25 GB of disk: ESTIBA_TEST_LONG=1")
class Large(unittest.TestCase):
    NODES, BYTES, MOST_GROWTH = 10, 1 << 30, 64 * MEBIBYTE

    def test_a_file_of_1_GiB_to_ten_nodes_lies_whole_in_nobodys_memory(self):
        with tempfile.TemporaryDirectory() as folder, estiba.Up(nodes=self.NODES) as up:
            source = pathlib.Path(folder) / "large"
            digest = write(source, self.BYTES)
            before = {part: resident(pid) for part, pid in up.pids().items()}
            most = dict(before)
            with subprocess.Popen(
                    [estiba.build_folder() / "estiba", "deploy", source, "-n", f"node[1-{self.NODES}]"],
                    env=up.environment(), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as deploy:
                most["estiba"] = before["estiba"] = resident(deploy.pid)
                while deploy.poll() is None:
                    for part, pid in [*up.pids().items(), ("estiba", deploy.pid)]:
                        most[part] = max(most[part], resident(pid))
                    time.sleep(0.05)
                self.assertEqual(deploy.returncode, 0, deploy.stderr.read())
            for node in up.facts["nodes"]:
                with open(up.folder / "nodes" / node / "home" / "root" / "large", "rb") as placed:
                    self.assertEqual(hashlib.file_digest(placed, "sha256").digest(), digest)
            growth = {part: most[part] - before[part] for part in most}
            print({part: f"{bytes // MEBIBYTE} MiB" for part, bytes in growth.items()}, file=sys.stderr)
            self.assertEqual({part: bytes for part, bytes in growth.items() if bytes > self.MOST_GROWTH}, {})


def write(path, size):
    """Random bytes, a mebibyte at a time; their hash."""
    digest = hashlib.sha256()
    with open(path, "wb") as file:
        for _ in range(size // MEBIBYTE):
            piece = os.urandom(MEBIBYTE)
            digest.update(piece)
            file.write(piece)
    return digest.digest()


def resident(pid):
    """Bytes in memory; 0 for a process that is gone."""
    try:
        return int(pathlib.Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0


if __name__ == "__main__":
    unittest.main()
