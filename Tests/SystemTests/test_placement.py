"""Folders, what is kept and put back, and workers that are killed while they place."""

import io
import os
import pathlib
import random
import shutil
import signal
import tarfile
import tempfile
import threading
import time
import unittest

import estiba
import shared

ROUNDS = 100 if os.environ.get("ESTIBA_TEST_LONG") == "1" else 4


def archive(files):
    """A tar of {path: content}."""
    result = io.BytesIO()
    with tarfile.open(fileobj=result, mode="w") as tar:
        for path, content in files.items():
            member = tarfile.TarInfo(path)
            member.size = len(content)
            member.mode = 0o755
            tar.addfile(member, io.BytesIO(content))
    return result.getvalue()


class Placement(shared.Case):
    def setUp(self):
        self.place = pathlib.Path(tempfile.mkdtemp(prefix="estiba-place-"))
        self.addCleanup(shutil.rmtree, self.place, ignore_errors=True)

    def submit(self, file, node="node1", **more):
        request = {"nodes": [node], "kind": "deploy", "files": [dict(folder=str(self.place), **file)], **more}
        answer = self.up.submit(request)
        self.assertEqual(answer.status, 202, answer.body)
        return answer.json()["execution"]

    def placed(self, file, **more):
        execution = self.submit(file, **more)
        run = self.up.ended(execution, 60)["node1"]
        self.assertEqual(run["state"], "placed", run)
        return execution

    def refused(self, file):
        run = self.up.ended(self.submit(file))["node1"]
        self.assertEqual(run["state"], "refused", run)
        return run["reason"]["code"]

    def test_a_folder_with_its_command_in_it(self):
        tree = self.up.blob(archive({"start.sh": b"#!/bin/sh\npwd; cat data/x\n", "data/x": b"here\n"}))
        file = dict(blob=tree, name="app", tree=True)
        execution = self.submit(file, command={"arguments": ["./start.sh"]})
        run = self.up.ended(execution)["node1"]
        self.assertEqual((run["state"], run.get("code")), ("exited", 0), run)
        output = self.up.raw(execution)
        self.assertEqual(output, f"{self.place}/app\nhere\n".encode())
        self.assertEqual(self.refused(file), "exists")
        self.placed(dict(blob=self.up.blob(archive({"only": b"1"})), name="app", tree=True, overwrite=True))
        self.assertEqual(os.listdir(self.place / "app"), ["only"])
        self.assertEqual(os.listdir(self.place), ["app"])

    def test_half_an_archive_is_refused_and_leaves_nothing(self):
        whole = archive({"a": bytes(3000), "b": b"x"})
        for part in (whole[:2000], whole[:512 * 7], whole.replace(b"ustar", b"vstar", 1), b"#!/bin/sh\n"):
            self.assertEqual(self.refused(dict(blob=self.up.blob(part), name="app", tree=True)), "bad_archive")
        self.assertEqual(os.listdir(self.place), [])

    def test_what_was_there_is_put_back(self):
        def deploy(content):
            return self.placed(dict(blob=self.up.blob(content), name="tool", overwrite=True, keepPrevious=True))
        first, second = deploy(b"first"), deploy(b"second")
        self.placed(dict(restore=second, name="tool"))
        self.assertEqual((self.place / "tool").read_bytes(), b"first")
        self.assertEqual(self.refused(dict(restore=second, name="tool")), "nothing_kept")
        self.placed(dict(restore=first, name="tool"))
        self.assertEqual(os.listdir(self.place), [".estiba-previous"])

    def test_a_worker_killed_at_any_moment_leaves_the_old_or_the_new_and_comes_to_the_end(self):
        contents = [bytes([number]) * 2_000_000 for number in (1, 2)]
        blobs = [self.up.blob(content) for content in contents]
        tree_blobs = [self.up.blob(archive({f"f{n}": content[:50] for n in range(50)})) for content in contents]
        self.placed(dict(blob=blobs[0], name="file"))
        self.placed(dict(blob=tree_blobs[0], name="tree", tree=True))
        wrong = []
        done = threading.Event()

        def watch():
            while not done.is_set():
                if (seen := (self.place / "file").read_bytes()) not in contents:
                    wrong.append(len(seen))

        watcher = threading.Thread(target=watch)
        watcher.start()
        self.addCleanup(watcher.join)
        self.addCleanup(done.set)
        for number in range(1, ROUNDS + 1):
            which = number % 2
            pid = self.up.pids()["node1"]
            executions = [
                self.submit(dict(blob=blobs[which], name="file", overwrite=True, keepPrevious=True)),
                self.submit(dict(blob=tree_blobs[which], name="tree", tree=True, overwrite=True)),
                self.submit(dict(blob=blobs[which], name=f"once{number}")),
            ]
            # Somewhere within what the three take.
            time.sleep(random.uniform(0, 0.15))
            os.kill(pid, signal.SIGKILL)
            for execution in executions:
                self.assertEqual(self.up.ended(execution, 60)["node1"]["state"], "placed")
            self.assertEqual((self.place / "file").read_bytes(), contents[which])
            self.assertEqual((self.place / f"once{number}").read_bytes(), contents[which])
            self.assertEqual({path.read_bytes() for path in (self.place / "tree").iterdir()}, {contents[which][:50]})
            hidden = {name for name in os.listdir(self.place) if name.startswith(".")}
            self.assertLessEqual(hidden, {".estiba-previous"})
            estiba.wait_for(lambda: self.up.pids().get("node1", pid) != pid, what="the next worker")
        self.assertEqual(wrong, [])


if __name__ == "__main__":
    unittest.main()
