"""Files on their way to the gateway: cut off, gone on with, nearly equal, many at once."""

import base64
import concurrent.futures
import hashlib
import json
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import unittest

import estiba
import shared
from relay import Relay

MIB = 1 << 20
ROUNDS = 100 if os.environ.get("ESTIBA_TEST_LONG") else 10


class Source(shared.Case):
    def setUp(self):
        self.source = pathlib.Path(tempfile.mkdtemp(prefix="estiba-source-"))
        self.place = pathlib.Path(tempfile.mkdtemp(prefix="estiba-place-"))
        self.addCleanup(shutil.rmtree, self.source, ignore_errors=True)
        self.addCleanup(shutil.rmtree, self.place, ignore_errors=True)

    def deploy(self, *arguments, relay=None, **more):
        """Ends with the objects that `--json` wrote."""
        done = subprocess.run(self.command(*arguments), env=self.environment(relay), capture_output=True, timeout=60, **more)
        self.assertEqual(done.returncode, 0, done.stderr)
        return [json.loads(line) for line in done.stdout.splitlines()]

    def command(self, *arguments):
        return [estiba.build_folder() / "estiba", "deploy", "-n", "node1", "--folder", str(self.place), "--overwrite", "--json",
                *map(str, arguments)]

    def environment(self, relay=None):
        return dict(self.up.environment(), **({"ESTIBA_GATEWAY": relay.url} if relay else {}))

    def file(self, size, name="file"):
        path = self.source / name
        path.write_bytes(os.urandom(size))
        return path

    def assertPlaced(self, path):
        self.assertEqual(digest(self.place / path.name), digest(path))

    def incoming(self):
        return list((self.up.folder / "gateway" / "blobs" / "uploads").iterdir())


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


class Cut(Source):
    def test_an_upload_cut_at_nine_tenths_moves_only_the_rest_by_itself(self):
        path = self.file(20 * MIB + 3)
        with Relay(self.up, cut=18 * MIB) as relay:
            events = self.deploy(path, relay=relay)
            self.assertTrue(relay.reached.is_set())
            self.assertLess(relay.sent, 21 * MIB + MIB // 2)
        self.assertPlaced(path)
        self.assertEqual([event["size"] for event in events if event["event"] == "uploaded"], [20 * MIB + 3])
        self.assertEqual(self.incoming(), [])

    def test_ctrl_c_and_the_same_command_again_moves_only_the_rest(self):
        path = self.file(20 * MIB)
        with Relay(self.up, hold=18 * MIB) as relay:
            started = subprocess.Popen(
                self.command(path), env=self.environment(relay), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            self.assertTrue(relay.reached.wait(30))
            started.send_signal(signal.SIGINT)
            _, errors = started.communicate(timeout=20)
            self.assertEqual(started.returncode, 130)
            self.assertIn(b"the same command again goes on", errors)
        self.assertEqual(len(self.incoming()), 1)
        with Relay(self.up) as relay:
            self.deploy(path, relay=relay)
            self.assertLess(relay.sent, 3 * MIB + MIB // 2)
        self.assertPlaced(path)
        self.assertEqual(self.incoming(), [])

    def test_a_gateway_that_is_killed_in_the_middle_goes_on_where_it_was(self):
        path = self.file(20 * MIB)
        with Relay(self.up, hold=15 * MIB) as relay:
            started = subprocess.Popen(
                self.command(path), env=self.environment(relay), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            self.assertTrue(relay.reached.wait(30))
            came = lambda: sum((upload / "data").stat().st_size for upload in self.incoming())
            estiba.wait_for(lambda: came() > 14 * MIB, what="the bytes on the gateway's disk")
            self.up.kill("gateway")
            relay.release()
            _, errors = started.communicate(timeout=60)
            self.assertEqual(started.returncode, 0, errors)
            self.assertIn(b"the gateway is back", errors)
            self.assertLess(relay.sent, 24 * MIB)
        self.assertPlaced(path)
        self.assertEqual(self.incoming(), [])

    def test_what_comes_without_hashes_goes_on_at_the_byte_also_after_a_kill(self):
        content = os.urandom(3 * MIB)
        upload = self.up.http("POST", "uploads", {"size": len(content)}).json()["upload"]
        half = MIB + 12_345
        self.assertEqual(self.up.http("PATCH", f"uploads/{upload}?offset=0", content[:half]).json()["offset"], half)
        before = self.up.kill("gateway")
        estiba.wait_for(lambda: self.up.pids().get("gateway") not in (None, before), what="the next gateway")
        found = estiba.wait_for(lambda: self.ask(upload), what="the answer")
        self.assertEqual((found["offset"], found["size"]), (half, len(content)))
        done = self.up.http("PATCH", f"uploads/{upload}?offset={half}", content[half:])
        self.assertEqual((done.status, done.json()["blob"]), (201, self.up.blob(content)))

    def ask(self, upload):
        try:
            answer = self.up.http("GET", f"uploads/{upload}")
        except OSError:
            return None
        return answer.json() if answer.status == 200 else None


class NearlyEqual(Source):
    def test_a_nearly_equal_file_moves_only_what_changed(self):
        path = self.file(20 * MIB)
        self.deploy(path)
        with open(path, "r+b") as file:
            for offset in (0, 7 * MIB + 5, 20 * MIB - 1):
                file.seek(offset)
                other = bytes([file.read(1)[0] ^ 1])
                file.seek(offset)
                file.write(other)
        with Relay(self.up) as relay:
            uploaded = [event for event in self.deploy(path, relay=relay) if event["event"] == "uploaded"]
            self.assertLess(relay.sent, 3 * MIB + MIB // 4)
        self.assertEqual(uploaded[0]["moved"], 3 * MIB)
        self.assertPlaced(path)

    def test_the_same_file_again_moves_nothing(self):
        path = self.file(5 * MIB)
        self.deploy(path)
        with Relay(self.up) as relay:
            self.deploy(path, relay=relay)
            self.assertLess(relay.sent, 20_000)

    def test_of_a_folder_only_what_changed(self):
        tree = self.source / "tree"
        tree.mkdir()
        for number in range(4):
            (tree / f"big{number}").write_bytes(os.urandom(3 * MIB + number))
        (tree / "a").write_bytes(b"small")
        self.deploy("-r", tree)
        (tree / "a").write_bytes(b"small and more" * 1000)
        with Relay(self.up) as relay:
            self.deploy("-r", tree, relay=relay)
            # The rest of each large file's last chunk lies in one with what follows it.
            self.assertLess(relay.sent, 5 * MIB)


class Many(Source):
    def test_a_list_with_own_commands_is_one_submission(self):
        script = self.source / "say"
        script.write_text("#!/bin/sh\necho \"$@\"\nexit $1\n")
        script.chmod(0o755)
        entries = [{"path": str(self.file(1000, "data"))},
                   {"path": str(script), "name": "one", "run": "./one 3 words"},
                   {"path": str(script), "name": "two", "folder": str(self.place / "deeper"), "run": "./two 5"}]
        done = self.up.estiba(
            "deploy", "--list", "-", "-n", "node[1-2]", "--folder", self.place, "--overwrite",
            input=json.dumps(entries).encode())
        self.assertEqual(done.returncode, 5, done.stderr)
        self.assertEqual(sorted(done.stdout.splitlines()), [
            b"node1 one: 3 words", b"node1 two: 5", b"node2 one: 3 words", b"node2 two: 5"])
        self.assertIn(b"one: node[1-2]: exit code 3", done.stderr)
        self.assertIn(b"two: node[1-2]: exit code 5", done.stderr)
        executions = [json.loads(line) for line in self.up.estiba("history", "--limit", "3", "--json").stdout.splitlines()]
        self.assertEqual(len({execution["submission"] for execution in executions}), 1)
        events = [json.loads(line) for line in self.up.estiba(
            "deploy", "--list", "-", "-n", "node1", "--folder", self.place, "--overwrite", "--json",
            input=json.dumps(entries).encode()).stdout.splitlines()]
        accepted = {event["execution"] for event in events if event["event"] == "accepted"}
        self.assertEqual(len(accepted), 3)
        lines = {event["text"]: event["execution"] for event in events if event["event"] == "line"}
        self.assertEqual(set(lines), {"3 words", "5"})
        self.assertEqual(len(set(lines.values()) & accepted), 2)
        self.assertEqual(sorted(event["exit"] for event in events if event["event"] == "summary"), [0, 3, 5])

    def test_several_files_with_one_command(self):
        paths = [self.file(size, f"f{size}") for size in (0, 1, 100, MIB, 3 * MIB)]
        events = self.deploy(*paths, "--run", "sh -c 'ls f* | wc -l'")
        self.assertEqual([event["text"].strip() for event in events if event["event"] == "line"], ["5"])
        for path in paths:
            self.assertPlaced(path)

    def test_a_folder_with_odd_names(self):
        tree = self.source / "a tree"
        names = ["with space", "-rf", "ü\nline", "x" * 255, "~", ".hidden", "d/" + "e" * 90 + "/" + "f" * 90]
        for number, name in enumerate(names):
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            (tree / name).write_bytes(os.urandom(number * 1000))
        (tree / "run me").write_text("#!/bin/sh\n")
        (tree / "run me").chmod(0o4751)
        (tree / "link").symlink_to("../elsewhere")
        (tree / "empty").mkdir(mode=0o750)
        os.mkfifo(tree / "fifo")
        done = self.up.estiba("deploy", "-r", tree, "-n", "node1", "--folder", self.place)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn(b"fifo is left out", done.stderr)
        (tree / "fifo").unlink()
        self.assertEqual(subprocess.run(["diff", "-r", "--no-dereference", tree, self.place / "a tree"]).returncode, 0)
        self.assertEqual((self.place / "a tree" / "run me").stat().st_mode & 0o7777, 0o751)
        self.assertEqual((self.place / "a tree" / "empty").stat().st_mode & 0o7777, 0o750)

    def test_a_rollback_and_what_kept_nothing(self):
        path = self.source / "tool"
        path.write_bytes(b"first")
        first = self.deploy(path, "--keep-previous")[-1]["execution"]
        path.write_bytes(b"second")
        second = self.deploy(path, "--keep-previous")[-1]["execution"]
        self.assertEqual((self.place / "tool").read_bytes(), b"second")
        done = self.up.estiba("rollback", second)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual((self.place / "tool").read_bytes(), b"first")
        plain = self.deploy(path)[-1]["execution"]
        done = self.up.estiba("rollback", plain)
        self.assertEqual(done.returncode, 125)
        self.assertIn(b"nothing_kept", done.stderr)
        done = self.up.estiba("rollback", second, "-n", "node3")
        self.assertIn(b"unknown_node", done.stderr)
        self.assertIn("execution", self.up.http("GET", f"executions/{first}").json())

    @unittest.skipUnless(estiba.IS_ROOT, "only root can make accounts")
    def test_two_users_bring_the_same_name_at_once(self):
        accounts = [estiba.Account() for _ in range(2)]
        for account in accounts:
            self.addCleanup(account.remove)
        tokens = [account.token(self.up) for account in accounts]
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            for _ in range(ROUNDS):
                contents = [os.urandom(2 * MIB) for _ in accounts]
                executions = list(pool.map(lambda pair: self.bring(*pair), zip(tokens, contents)))
                for account, token, content, execution in zip(accounts, tokens, contents, executions):
                    self.up.ended(execution, token=token)
                    home = self.node_home("node1", account.name)
                    self.assertEqual((home / "same").read_bytes(), content)
                    self.assertEqual((home / "same").stat().st_uid, account.uid)

    def bring(self, token, content):
        chunks = [content[start:start + MIB] for start in range(0, len(content), MIB)]
        hashes = b"".join(hashlib.blake2b(chunk, digest_size=32).digest() for chunk in chunks)
        wish = {"size": len(content), "list": base64.urlsafe_b64encode(hashes).rstrip(b"=").decode()}
        upload = self.up.http("POST", "uploads", wish, token=token).json()["upload"]
        blob = self.up.http("PATCH", f"uploads/{upload}?offset=0", content, token=token).json()["blob"]
        file = {"blob": blob, "name": "same", "overwrite": True}
        answer = self.up.submit({"nodes": ["node1"], "files": [file]}, token=token)
        self.assertEqual(answer.status, 202, answer.body)
        return answer.json()["execution"]


class Limits(Source):
    def test_too_much_is_refused_before_it_comes(self):
        answer = self.up.http("POST", "uploads", {"size": 1 << 40})
        self.assertEqual((answer.status, answer.code), (413, "too_large"))
        upload = self.up.http("POST", "uploads", {"size": 10}).json()["upload"]
        answer = self.up.http("PATCH", f"uploads/{upload}?offset=0", b"x" * 11)
        self.assertEqual((answer.status, answer.code), (413, "too_large"))
        chunked = {"Transfer-Encoding": "chunked"}
        answer = self.up.http("PATCH", f"uploads/{upload}?offset=0", b"6\r\nxxxxxx\r\n" * 2 + b"0\r\n\r\n", headers=chunked)
        self.assertEqual((answer.status, answer.code), (413, "too_large"))
        self.assertEqual(self.up.http("GET", f"uploads/{upload}").json()["offset"], 10)
        self.assertEqual(self.up.http("DELETE", f"uploads/{upload}").status, 204)
        self.assertEqual(self.up.http("GET", f"uploads/{upload}").status, 404)

    def test_an_upload_that_nobody_goes_on_with_is_swept_away(self):
        with estiba.Up(nodes=1) as up:
            settings = up.folder / "gateway.yaml"
            settings.write_text(settings.read_text() + "\nuploadsKeptSeconds: 1\n")
            before = up.kill("gateway")
            estiba.wait_for(lambda: up.pids().get("gateway") not in (None, before), what="the next gateway")
            upload = estiba.wait_for(lambda: begun(up), what="the answer")
            up.http("PATCH", f"uploads/{upload}?offset=0", b"x" * 1000)
            folder = up.folder / "gateway" / "blobs"
            estiba.wait_for(lambda: not list((folder / "uploads").iterdir()), 20, "the sweep")
            self.assertEqual(up.http("GET", f"uploads/{upload}").status, 404)
            self.assertEqual([path.name for path in folder.iterdir() if len(path.name) == 64], [])


def begun(up):
    try:
        return up.http("POST", "uploads", {"size": MIB}).json().get("upload")
    except OSError:
        return None


if __name__ == "__main__":
    unittest.main()
