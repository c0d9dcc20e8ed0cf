"""Everything that grows is bounded and swept; a full disk refuses new work in words and loses nothing; damage is never obeyed.

Full disks are small tmpfs mounts, which want root; without it those tests are skipped."""

import contextlib
import json
import os
import pathlib
import shutil
import sqlite3
import subprocess
import tempfile
import unittest

import estiba

MOUNTED = "a small tmpfs wants root and leave to mount"


def may_mount():
    if not estiba.IS_ROOT:
        return False
    place = tempfile.mkdtemp(prefix="estiba-mount-")
    try:
        if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", place], capture_output=True).returncode != 0:
            return False
        return subprocess.run(["umount", place], capture_output=True).returncode == 0
    finally:
        os.rmdir(place)


@contextlib.contextmanager
def small_disk(folder, mebibytes):
    """A tmpfs at a folder of a new installation, taken away when the installation is."""
    folder.mkdir(parents=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={mebibytes}m,mode=755", "tmpfs", folder], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


def fill(folder):
    """Takes all the room there is; the file that is to be removed again."""
    ballast = folder / "ballast"
    with open(ballast, "wb", buffering=0) as file:
        with contextlib.suppress(OSError):
            while True:
                file.write(bytes(65536))
        with contextlib.suppress(OSError):
            while True:
                file.write(bytes(512))
    return ballast


def set_up(up, part, **settings):
    """Restarts a part with further settings."""
    with open(up.folder / f"{part}.yaml", "a") as file:
        for key, value in settings.items():
            file.write(f"{key}: {value}\n")
    restart(up, part)


def restart(up, part):
    before = up.kill(part)
    estiba.wait_for(lambda: up.pids().get(part, before) != before, 20, part)
    return before


def answers(up):
    """Waits until the gateway answers, and all its nodes are there."""
    def are_there():
        with contextlib.suppress(OSError, ValueError):
            nodes = up.http("GET", "nodes").json()["nodes"]
            return nodes and all(node["present"] for node in nodes)
    estiba.wait_for(are_there, 30, "the gateway and its nodes")


class Swept(unittest.TestCase):
    def test_executions_logs_files_keys_and_run_folders_are_swept(self):
        with estiba.Up(nodes=1) as up:
            set_up(up, "gateway", executionsKept="2s", filesKept="1s", sweepPeriod="1s", idempotencyKeysKept="1s")
            set_up(up, "node1", runsKept="1s", sweepPeriod="1s")
            answers(up)
            blob = up.blob(b"x" * 100_000)
            request = {"nodes": ["node1"], "files": [{"blob": blob, "name": "f"}], "command": {"line": "echo hi"}, "waitMilliseconds": 1000}
            execution = up.submit(request).json()["execution"]
            logs = up.folder / "gateway/logs"
            # It is over sooner than anybody looks, perhaps; then it was kept for two seconds.
            answer = estiba.wait_for(
                lambda: (found := up.http("GET", f"executions/{execution}")).status == 404 and found, 30, "the sweep")
            self.assertEqual(answer.code, "gone")
            self.assertIn("2 seconds after their end", answer.json()["error"]["sentence"])
            self.assertEqual(up.http("GET", "executions").json()["executions"], [])
            estiba.wait_for(lambda: not list(logs.glob(f"{execution}*")), 10, "the log's end")
            estiba.wait_for(lambda: not (up.folder / "gateway/blobs" / blob).exists(), 30, "the file's end")
            self.assertEqual(up.http("GET", "storage").json()["files"]["bytes"], 0)
            done = up.estiba("logs", execution)
            self.assertNotEqual(done.returncode, 0)
            self.assertIn(b"not kept here any more", done.stderr)

    def test_a_log_at_its_bound_is_a_gap_and_the_run_ends_with_its_code(self):
        with estiba.Up(nodes=1) as up:
            set_up(up, "gateway", logBytesPerExecution="1MiB")
            answers(up)
            program = "import sys\nfor i in range(60000): print(i, 'x' * 100)\nsys.exit(5)"
            done = up.estiba("run", "-n", "node1", "--", "python3", "-c", program, timeout=120)
            self.assertEqual(done.returncode, 5, done.stderr)
            self.assertIn(b"0 " + b"x" * 100, done.stdout)
            self.assertRegex(done.stdout + done.stderr, rb"(?i)gap|missing|lost|not kept")
            execution = up.http("GET", "executions").json()["executions"][0]
            size = (up.folder / "gateway/logs" / f"{execution['execution']}.log").stat().st_size
            self.assertLess(size, (1 << 20) + (1 << 18))
            entries = [json.loads(line) for line in up.http("GET", f"executions/{execution['execution']}/output").body.splitlines()]
            gaps = [entry["gap"] for entry in entries if "gap" in entry]
            self.assertIn(len(gaps), (1, 2))
            self.assertEqual(gaps[-1]["to"], up.ended(execution["execution"])["node1"]["finalLength"])

    def test_status_storage_says_what_is_used_and_bounded(self):
        with estiba.Up(nodes=2) as up:
            up.blob(b"y" * 2048)
            up.outcome({"nodes": ["node1"], "command": {"line": "true"}})
            said = up.estiba("status", "--storage").stdout.decode()
            for word in ("executions", "30 days after their end", "10.0 GiB each", "256 GiB", "24 hours", "node2", "unowned 7 days"):
                self.assertIn(word, said)
            first, *nodes = [json.loads(line) for line in up.estiba("status", "--storage", "--json").stdout.splitlines()]
            self.assertEqual((first["files"]["bytes"], first["executions"]["count"]), (2048, 1))
            self.assertFalse(first["gateway"]["full"])
            self.assertEqual({node["node"] for node in nodes}, {"node1", "node2"})
            self.assertGreater(nodes[0]["status"]["storage"]["free"], 0)
            self.assertEqual(up.http("GET", "storage", token=None).status, 401)

    def test_settings_are_checked(self):
        with estiba.Up(nodes=1) as up:
            for part, program, wrong in (
                    ("gateway", "estiba-gateway", "executionsKept: 30"), ("gateway", "estiba-gateway", "logBytesPerExecution: much"),
                    ("node1", "estiba-worker", "runsKept: 0s")):
                settings = up.folder / f"wrong-{part}.yaml"
                settings.write_text((up.folder / f"{part}.yaml").read_text() + wrong + "\n")
                settings.chmod(0o600)
                done = subprocess.run(
                    [estiba.build_folder() / program, "--config", settings], capture_output=True, timeout=20)
                self.assertNotEqual(done.returncode, 0)
                self.assertIn(wrong.split(":")[0].encode(), done.stderr)


@unittest.skipUnless(may_mount(), MOUNTED)
class FullDisk(unittest.TestCase):
    def test_a_gateway_without_room_refuses_new_work_and_loses_nothing(self):
        folder = pathlib.Path(tempfile.mkdtemp(prefix="estiba-system-"))
        try:
            with small_disk(folder / "gateway", 48) as disk, estiba.Up(nodes=1, data=folder) as up:
                set_up(up, "gateway", freeBytes="2MiB")
                answers(up)
                # It prints while the disk is full and afterwards.
                go = folder / "go"
                program = f"import os, time\nfor i in range(3000): print(i, 'z' * 1000, flush=True)\nwhile not os.path.exists('{go}'): time.sleep(0.05)\nfor i in range(3000, 6000): print(i, 'z' * 1000)"
                running = up.detached("run", "-n", "node1", "--", "python3", "-c", program)
                short = up.detached("run", "-n", "node1", "--", "sh", "-c", "sleep 3; exit 9")
                estiba.wait_for(lambda: running_on(up, running), 20, "the run")
                ballast = fill(disk)
                refused = up.submit({"nodes": ["node1"], "command": {"line": "true"}})
                self.assertEqual((refused.status, refused.code), (507, "no_space"))
                self.assertIn("disk is full", refused.json()["error"]["sentence"])
                self.assertEqual(up.http("GET", "/health", token=None).json()["status"], "full")
                self.assertEqual(up.http("POST", "blobs", b"q" * 100).code, "no_space")
                said = up.estiba("run", "-n", "node1", "--", "true")
                self.assertIn(b"disk is full", said.stderr)
                go.touch()
                # What ended meanwhile is not said to have, until it can be kept.
                ballast.unlink()
                self.assertEqual(up.ended(short, 60)["node1"]["code"], 9)
                self.assertEqual(up.ended(running, 60)["node1"]["code"], 0)
                wanted = "".join(f"{number} {'z' * 1000}\n" for number in range(6000)).encode()
                done = up.estiba("logs", "-f", running, "--raw")
                self.assertEqual(done.stdout, wanted)
                self.assertEqual(up.submit({"nodes": ["node1"], "command": {"line": "true"}}).status, 202)
                listed = {found["execution"] for found in up.http("GET", "executions").json()["executions"]}
                self.assertLessEqual({running, short}, listed)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def test_a_node_without_room_refuses_in_words_and_its_commands_wait(self):
        folder = pathlib.Path(tempfile.mkdtemp(prefix="estiba-system-"))
        try:
            with small_disk(folder / "nodes/node1", 48) as disk, estiba.Up(nodes=2, data=folder) as up:
                set_up(up, "node1", freeBytes="1MiB")
                answers(up)
                go = folder / "go"
                program = f"import os, time\nprint('begun', flush=True)\nwhile not os.path.exists('{go}'): time.sleep(0.05)\nfor i in range(2000): print(i, 'z' * 1000)"
                running = up.detached("run", "-n", "node1", "--", "python3", "-c", program)
                estiba.wait_for(lambda: running_on(up, running), 20, "the run")
                ballast = fill(disk)
                runs = up.outcome({"nodes": ["node1", "node2"], "command": {"line": "true"}})
                self.assertEqual((runs["node1"]["state"], runs["node1"]["reason"]["code"]), ("refused", "no_space"))
                self.assertIn("disk of node1 is full", runs["node1"]["reason"]["sentence"])
                self.assertEqual(runs["node2"]["code"], 0)
                self.assertIn("FULL", up.estiba("status", "--storage").stdout.decode())
                go.touch()
                estiba.wait_for(lambda: b"begun" in up.estiba("logs", running, "--raw").stdout, 10, "its first line")
                self.assertFalse(up.http("GET", f"executions/{running}").json()["runs"][0]["terminal"])
                ballast.unlink()
                self.assertEqual(up.ended(running, 60)["node1"]["code"], 0)
                wanted = b"begun\n" + "".join(f"{number} {'z' * 1000}\n" for number in range(2000)).encode()
                self.assertEqual(up.estiba("logs", "-f", running, "--raw").stdout, wanted)
                self.assertEqual(up.outcome({"nodes": ["node1"], "command": {"line": "true"}})["node1"]["code"], 0)
        finally:
            shutil.rmtree(folder, ignore_errors=True)


class Damaged(unittest.TestCase):
    def test_a_gateway_does_not_start_on_a_damaged_journal_and_names_it(self):
        folder = pathlib.Path(tempfile.mkdtemp(prefix="estiba-system-"))
        try:
            with estiba.Up(nodes=1, data=folder) as up:
                up.outcome({"nodes": ["node1"], "command": {"line": "true"}})
                settings, path = folder / "gateway.yaml", folder / "gateway/journal.sqlite"
            self.assertEqual(path.read_bytes()[20], 8)
            # What another program writes into it has no checksums.
            other = folder / "other"
            shutil.copytree(folder / "gateway", other)
            database = sqlite3.connect(other / "journal.sqlite", isolation_level=None)
            database.execute("UPDATE executions SET created = created + 1")
            database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            database.close()
            # Where the gateway was not given the time to merge its log, that is what is damaged.
            log = path.with_name("journal.sqlite-wal")
            damaged = log if log.exists() and log.stat().st_size > 20_000 else path
            whole = damaged.read_bytes()
            data = bytearray(whole)
            data[len(whole) // 3] ^= 1
            damaged.write_bytes(data)
            changed = folder / "other.yaml"
            changed.write_text(settings.read_text().replace(str(folder / "gateway") + '"', str(other) + '"'))
            changed.chmod(0o600)
            self.assertNotEqual(changed.read_text(), settings.read_text())
            # As root, `up` runs its gateway as another user, who alone may read its keys.
            owner = (folder / "gateway").stat()
            for own in [other, *other.rglob("*"), changed]:
                os.chown(own, owner.st_uid, owner.st_gid)
            as_owner = {"user": owner.st_uid, "group": owner.st_gid, "extra_groups": []} if estiba.IS_ROOT else {}
            for name, given in ((f"gateway/{damaged.name}".encode(), settings), (b"other/journal.sqlite", changed)):
                done = subprocess.run(
                    [estiba.build_folder() / "estiba-gateway", "--config", given], capture_output=True, timeout=30, **as_owner)
                self.assertNotEqual(done.returncode, 0)
                self.assertIn(name + b" is damaged", done.stderr)
                self.assertIn(b"docs/operations.md", done.stderr)
            damaged.write_bytes(whole)
            with estiba.Up(nodes=1, data=folder) as up:
                self.assertEqual(len(up.http("GET", "executions").json()["executions"]), 1)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def test_a_flipped_bit_in_a_log_is_a_gap_for_every_reader(self):
        with estiba.Up(nodes=1) as up:
            execution = up.detached("run", "-n", "node1", "--", "sh", "-c", "for i in 1 2 3; do echo line $i; sleep 0.3; done")
            up.ended(execution)
            path = up.folder / "gateway/logs" / f"{execution}.log"
            estiba.wait_for(lambda: up.http("GET", f"executions/{execution}").json()["complete"], 10, "the copy")
            log = bytearray(path.read_bytes())
            place = log.index(b"line 2")
            log[place + 5] ^= 2
            path.write_bytes(log)
            done = up.estiba("logs", execution)
            self.assertIn(b"line 1", done.stdout)
            self.assertIn(b"line 3", done.stdout)
            self.assertNotIn(b"line 0", done.stdout)
            entries = [json.loads(line) for line in up.http("GET", f"executions/{execution}/output").body.splitlines()]
            self.assertEqual(len([entry for entry in entries if "gap" in entry]), 1)
            lines = up.http("GET", f"executions/{execution}/lines").json()["lines"]
            self.assertEqual([line["text"] for line in lines], ["line 1", "[damaged on the gateway's disk]", "line 3"])
            self.assertIn(b"bytes are missing here", up.http("GET", f"executions/{execution}/text").body)
            with self.assertRaises(Exception):
                up.http("GET", f"executions/{execution}/raw?node=node1")
            estiba.wait_for(lambda: "log damaged" in (up.folder / "log/gateway.log").read_text(), 5, "the gateway's word")

    def test_a_run_whose_order_or_plan_is_damaged_reads_interrupted(self):
        with estiba.Up(nodes=1) as up:
            for name in ("order", "plan"):
                execution = up.detached("run", "-n", "node1", "--", "sleep", "300")
                estiba.wait_for(lambda: running_on(up, execution), 20, "the run")
                worker = up.pids()["node1"]
                os.kill(worker, 19)
                path = up.folder / "nodes/node1/runs" / execution / name
                data = bytearray(path.read_bytes())
                data[-20] ^= 1
                # In place: the supervisor's lock is on it.
                with open(path, "r+b") as file:
                    file.write(data)
                os.kill(worker, 9)
                run = up.ended(execution, 60)["node1"]
                self.assertEqual((run["state"], run["reason"]["code"]), ("interrupted", "internal"), name)
                self.assertIn(f"the {name} was damaged", run["reason"]["sentence"])
                left = subprocess.run(["pgrep", "-f", f"^sleep 300$"], capture_output=True).stdout.split()
                mine = [pid for pid in left if execution.encode() in environment(pid)]
                self.assertEqual(mine, [])


def environment(pid):
    with contextlib.suppress(OSError):
        return pathlib.Path(f"/proc/{int(pid)}/environ").read_bytes()
    return b""


def running_on(up, execution):
    return all(run["state"] == "running" for run in up.http("GET", f"executions/{execution}").json()["runs"])


if __name__ == "__main__":
    unittest.main()
