"""Files: where they go, and that they are there whole or not at all."""

import hashlib
import os
import pathlib
import shutil
import socket
import tempfile
import unittest
import urllib.parse

import estiba
import shared


class Files(shared.Case):
    def setUp(self):
        self.place = pathlib.Path(tempfile.mkdtemp(prefix="estiba-place-"))
        self.source = pathlib.Path(tempfile.mkdtemp(prefix="estiba-source-"))
        self.addCleanup(shutil.rmtree, self.place, ignore_errors=True)
        self.addCleanup(shutil.rmtree, self.source, ignore_errors=True)
        self.tool = self.source / "tool"

    def deploy(self, *arguments):
        return self.up.estiba("deploy", self.tool, "-n", "node1", *arguments)

    def test_a_file_with_its_command(self):
        content = os.urandom(5_000_001)
        self.tool.write_bytes(content)
        done = self.deploy("--folder", self.place, "--mode", "755", "--run", "sha256sum ./tool")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn(hashlib.sha256(content).hexdigest().encode(), done.stdout)
        self.assertEqual((self.place / "tool").stat().st_mode & 0o7777, 0o755)

    def test_the_mode_of_the_source_is_kept_and_a_set_uid_bit_is_not(self):
        self.tool.write_bytes(b"x")
        self.tool.chmod(0o4710)
        self.assertEqual(self.deploy("--folder", self.place).returncode, 0)
        self.assertEqual((self.place / "tool").stat().st_mode & 0o7777, 0o710)

    def test_what_is_there_stays_without_overwrite(self):
        self.tool.write_bytes(b"new")
        (self.place / "tool").write_bytes(b"old")
        done = self.deploy("--folder", self.place)
        self.assertEqual(done.returncode, 125)
        self.assertRegex(done.stderr.splitlines()[-1], rb"node1: refused: exists")
        self.assertEqual((self.place / "tool").read_bytes(), b"old")
        self.assertEqual(self.deploy("--folder", self.place, "--overwrite").returncode, 0)
        self.assertEqual((self.place / "tool").read_bytes(), b"new")
        self.assertEqual(os.listdir(self.place), ["tool"])

    def test_a_relative_folder_is_below_the_home_and_is_made(self):
        self.tool.write_bytes(b"here")
        done = self.deploy("--folder", "a/b", "--overwrite", "--run", "pwd")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual((self.node_home("node1") / "a/b/tool").read_bytes(), b"here")
        self.assertTrue(done.stdout.endswith(b"/a/b\n"), done.stdout)
        self.assertFalse((self.node_home("node2") / "a/b").exists())

    def test_refusals_leave_nothing_behind_and_other_nodes_alone(self):
        blob = self.up.blob(b"#!/bin/sh\necho placed\n")
        (self.place / "file").write_bytes(b"")
        cases = [
            (dict(folder=str(self.place / "missing"), createFolder=False), "no_such_folder"),
            (dict(folder=str(self.place / ".." / "x")), "bad_name"),
            (dict(folder="../x"), "bad_name"),
            (dict(folder=str(self.place / "file")), None),
            (dict(folder="~bob/x"), None),
            (dict(folder="/proc/self"), None),
        ]
        for change, code in cases:
            with self.subTest(change=change):
                file = dict(blob=blob, name="t", mode=0o755, overwrite=False, **change)
                answer = self.up.submit({"nodes": ["node1"], "kind": "deploy", "files": [file]})
                if answer.status == 202:
                    run = self.up.ended(answer.json()["execution"])["node1"]
                    self.assertEqual(run["state"], "refused", run)
                    found = run["reason"]["code"]
                else:
                    self.assertEqual(answer.status, 400)
                    found = answer.code
                if code:
                    self.assertIn(found, (code, "bad_request"))
        self.assertEqual(os.listdir(self.place), ["file"])

    def test_names(self):
        blob = self.up.blob(b"x")
        good = ["with space", "-x", "naïve.txt", "new\nline", "n" * 255, "~", "a;b"]
        bad = ["", ".", "..", "a/b", "nul\0", "n" * 256]
        for name in good + bad:
            with self.subTest(name=name[:20]):
                file = dict(blob=blob, name=name, folder=str(self.place), mode=0o644, overwrite=False)
                answer = self.up.submit({"nodes": ["node1"], "kind": "deploy", "files": [file]})
                if name in bad:
                    self.assertEqual((answer.status, answer.code), (400, "bad_name"))
                else:
                    self.assertEqual(answer.status, 202, answer.body)
                    self.assertEqual(self.up.ended(answer.json()["execution"])["node1"]["state"], "placed")
        self.assertEqual(sorted(os.listdir(self.place)), sorted(good))

    def test_a_place_that_is_no_file_is_refused_at_once(self):
        blob = self.up.blob(b"x")
        os.mkfifo(self.place / "fifo")
        (self.place / "folder").mkdir()
        for name in ["fifo", "folder"]:
            file = dict(blob=blob, name=name, folder=str(self.place), overwrite=True)
            run = self.up.outcome({"nodes": ["node1"], "kind": "deploy", "files": [file]})["node1"]
            self.assertEqual((run["state"], run["reason"]["code"]), ("refused", "not_a_file"))

    def test_a_link_to_another_file_is_replaced_and_not_followed(self):
        victim = self.source / "victim"
        victim.write_bytes(b"victim")
        (self.place / "tool").symlink_to(victim)
        self.tool.write_bytes(b"new")
        self.deploy("--folder", self.place, "--overwrite")
        self.assertEqual(victim.read_bytes(), b"victim")

    def test_an_upload_that_is_cut_off_leaves_no_blob(self):
        blobs = self.up.folder / "gateway"
        before = sum(1 for _ in blobs.rglob("*"))
        place = urllib.parse.urlsplit(self.up.url)
        with socket.create_connection((place.hostname, place.port)) as connection:
            connection.sendall((
                f"POST /api/v1/blobs HTTP/1.1\r\nHost: {place.netloc}\r\nAuthorization: Bearer {self.up.token}\r\n"
                "Content-Length: 5000000\r\n\r\n").encode() + b"half" * 100_000)
        estiba.wait_for(lambda: sum(1 for _ in blobs.rglob("*")) <= before, what="the removal of what was cut off")

    def test_unknown_blob_and_unknown_node(self):
        file = dict(blob="0" * 64, name="t", folder="~")
        answer = self.up.submit({"nodes": ["node1"], "kind": "deploy", "files": [file]})
        self.assertEqual((answer.status, answer.code), (400, "unknown_blob"))
        answer = self.up.submit({"nodes": ["node1", "node77"], "command": {"arguments": ["true"]}})
        self.assertEqual((answer.status, answer.code), (400, "unknown_node"))
        self.assertEqual(answer.json()["error"]["nodes"], ["node77"])


if __name__ == "__main__":
    unittest.main()
