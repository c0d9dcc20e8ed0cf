"""`estiba up` itself: what it says, what it keeps running, and that it leaves nothing behind."""

import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import unittest

import estiba


def alive(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] not in "ZX"
    except OSError:
        return False


def mentioning(folder):
    """Processes whose command line names the folder."""
    found = []
    for process in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            if str(folder).encode() in (process / "cmdline").read_bytes():
                found.append(int(process.name))
        except OSError:
            pass
    return found


class Living(unittest.TestCase):
    def setUp(self):
        self.data = pathlib.Path(tempfile.mkdtemp(prefix="estiba-up-"))
        self.addCleanup(shutil.rmtree, self.data, ignore_errors=True)

    def test_the_line_says_what_there_is_and_the_end_leaves_nothing(self):
        up = estiba.Up(nodes=2, data=self.data)
        try:
            self.assertEqual(set(up.facts), {"url", "loginURL", "token", "nodes", "pids", "data"})
            self.assertEqual(up.facts["nodes"], ["node1", "node2"])
            self.assertEqual(set(up.pids()), {"broker", "gateway", "authenticator", "node1", "node2"})
            self.assertEqual(up.pids(), up.facts["pids"])
            self.assertTrue(all(alive(pid) for pid in up.pids().values()))
            for key in (self.data / "keys").iterdir():
                self.assertEqual(key.stat().st_mode & 0o777, 0o400, key)
            up.detached("run", "-n", "*", "--shell", "--", "trap '' TERM; setsid sleep 6543 & sleep 6543; sleep 6543")
            estiba.wait_for(lambda: count("sleep\0006543") >= 4, what="the start")
        finally:
            status = up.stop()
        self.assertEqual(status, 0)
        self.assertEqual(mentioning(self.data), [])
        self.assertEqual(count("sleep\0006543"), 0)
        self.assertEqual(json.loads((self.data / "pids.json").read_text()), {})

    def test_a_part_that_dies_is_started_again(self):
        up = estiba.Up(nodes=1, data=self.data)
        try:
            for part in ["broker", "gateway", "node1", "authenticator"]:
                before = up.kill(part)
                estiba.wait_for(lambda: up.pids().get(part, before) != before, what=part)
            done = up.estiba("run", "-n", "node1", "--", "echo", "well")
            self.assertEqual((done.stdout, done.returncode), (b"node1: well\n", 0), done.stderr)
        finally:
            up.stop()

    def test_killed_it_is_taken_up_by_the_next_with_what_runs(self):
        up = estiba.Up(nodes=1, data=self.data)
        execution = up.detached("run", "-n", "node1", "--shell", "--", "for i in 1 2 3 4 5 6 7 8; do echo $i; sleep 1; done; exit 5")
        estiba.wait_for(lambda: b"1" in up.estiba("logs", execution).stdout, what="the first line")
        former = list(up.pids().values())
        up.process.kill()
        up.process.wait()
        up.stop()
        next_up = estiba.Up(nodes=1, data=self.data)
        try:
            self.assertFalse([pid for pid in former if alive(pid)])
            self.assertEqual(next_up.url, up.url)
            done = next_up.estiba("logs", "-f", execution, "--raw")
            self.assertEqual((done.stdout, done.returncode), (b"1\n2\n3\n4\n5\n6\n7\n8\n", 5), done.stderr)
        finally:
            next_up.stop()

    def test_a_second_up_on_a_folder_gives_a_new_address_and_leaves(self):
        up = estiba.Up(nodes=1, data=self.data)
        try:
            second = subprocess.run(
                [estiba.build_folder() / "estiba", "up", "--data", self.data, "--address", "127.0.0.1:0", "--json"],
                capture_output=True, timeout=30)
            self.assertEqual(second.returncode, 0, second.stderr)
            said = json.loads(second.stdout)
            self.assertEqual(said["url"], up.url)
            code = {"code": said["loginURL"].split("#code=")[1]}
            self.assertEqual(up.http("POST", "login/code", code, token=None).status, 200)
            self.assertEqual(up.http("POST", "login/code", code, token=None).status, 401)
        finally:
            up.stop()

    def test_it_ends_although_its_folder_was_deleted(self):
        up = estiba.Up(nodes=1, data=self.data)
        parts = list(up.pids().values())
        shutil.rmtree(self.data, ignore_errors=True)
        os.kill(parts[0], signal.SIGKILL)
        estiba.wait_for(lambda: not alive(parts[0]), what="the end of a part")
        up.process.send_signal(signal.SIGTERM)
        self.assertEqual(up.process.wait(20), 0)
        up.stop()
        self.assertEqual([pid for pid in parts if alive(pid)], [])

    def test_a_part_that_cannot_start_is_named_at_once(self):
        up = estiba.Up(nodes=1, data=self.data)
        up.stop()
        (self.data / "keys" / "broker.key").chmod(0o444)
        done = subprocess.run(
            [estiba.build_folder() / "estiba", "up", "--data", self.data, "--address", "127.0.0.1:0", "--json"],
            capture_output=True, timeout=15)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn(b"broker did not become ready", done.stderr)
        self.assertIn(b"broker.key", done.stderr)
        self.assertEqual(mentioning(self.data), [])

    def test_an_address_that_is_taken_says_by_whom(self):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            address = f"127.0.0.1:{taken.getsockname()[1]}"
            done = subprocess.run(
                [estiba.build_folder() / "estiba", "up", "--data", self.data, "--address", address, "--json"],
                capture_output=True, timeout=30)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn(f"(pid {os.getpid()})".encode(), done.stderr)
        self.assertIn(b"127.0.0.1:0", done.stderr)
        self.assertEqual(mentioning(self.data), [])

    def test_a_loose_key_is_refused_by_name(self):
        up = estiba.Up(nodes=1, data=self.data)
        up.stop()
        key = self.data / "keys" / "node1.key"
        key.chmod(0o444)
        done = subprocess.run(
            [estiba.build_folder() / "estiba-worker", "--config", self.data / "node1.yaml"], capture_output=True, timeout=30)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn(str(key).encode(), done.stderr)

    def test_every_part_ends_on_sigterm_within_ten_seconds(self):
        up = estiba.Up(nodes=1, data=self.data)
        try:
            for part in ["node1", "gateway", "broker", "authenticator"]:
                pid = up.pids()[part]
                os.kill(pid, signal.SIGTERM)
                estiba.wait_for(lambda: not alive(pid), 10, f"the end of {part}")
                estiba.wait_for(lambda: up.pids().get(part, pid) != pid, what=part)
        finally:
            up.stop()


def count(words):
    found = 0
    for folder in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            found += (folder / "cmdline").read_bytes().decode(errors="replace").startswith(words)
        except OSError:
            pass
    return found


if __name__ == "__main__":
    unittest.main()
