"""Status by the command line and the API, against what this machine says of itself; and everything of mine on a node stopped."""

import json
import os
import pathlib
import unittest

import estiba
import shared

# A load of this machine may double in between.
SLACK = 4


def meminfo():
    lines = (line.split() for line in pathlib.Path("/proc/meminfo").read_text().splitlines())
    return {words[0].rstrip(":"): int(words[1]) * 1024 for words in lines}


def reads(pid):
    """How often a process has called read."""
    lines = pathlib.Path(f"/proc/{pid}/io").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("syscr"))


class Status(shared.Case):
    def figures(self, *arguments):
        done = self.up.estiba("status", "--json", *arguments)
        self.assertEqual(done.returncode, 0, done.stderr)
        return {line["node"]: line for line in map(json.loads, done.stdout.splitlines())}

    def test_figures_are_this_machines_own(self):
        lines = self.figures("node[1-2]")
        self.assertEqual(sorted(lines), ["node1", "node2"])
        for line in lines.values():
            self.assertTrue(line["present"])
            found = line["status"]
            memory = meminfo()
            self.assertEqual(found["memory"]["total"], memory["MemTotal"])
            self.assertEqual(found["memory"]["swapTotal"], memory["SwapTotal"])
            self.assertLess(abs(found["memory"]["available"] - memory["MemAvailable"]), memory["MemTotal"] / SLACK)
            self.assertEqual(found["hostname"], os.uname().nodename)
            self.assertEqual(found["kernel"], os.uname().release)
            self.assertEqual(len(found["cores"]), os.cpu_count())
            self.assertTrue(0 <= found["cpu"] <= 100)
            uptime = float(pathlib.Path("/proc/uptime").read_text().split()[0])
            self.assertLess(abs(found["uptime"] - uptime), 5)
            self.assertLess(abs(found["load"][2] - os.getloadavg()[2]), SLACK)
            room = os.statvfs("/")
            root = next(disk for disk in found["disks"] if disk["path"] == "/")
            self.assertEqual(root["total"], room.f_blocks * room.f_frsize)
            self.assertLess(abs(found["offset"]), 2000)
            self.assertTrue(1 <= len(found["busiest"]) <= 10)
            for process in found["busiest"]:
                self.assertGreater(process["pid"], 0)
                self.assertTrue(process["name"] and process["user"])

    def test_a_process_that_works_is_among_the_busiest_and_its_run_is_counted(self):
        execution = self.up.detached("run", "-n", "node1", "--shell", "--", "while :; do :; done")
        try:
            def seen():
                found = self.figures("node1")["node1"]["status"]
                return found["runs"] >= 1 and any(process["cpu"] > 10 and process["user"] == "root" for process in found["busiest"])
            estiba.wait_for(seen, 20, "a busy process")
        finally:
            self.up.estiba("stop", execution, "--grace", "500ms")

    def test_the_table_and_wrong_use(self):
        done = self.up.estiba("status", timeout=10)
        rows = [line.split() for line in done.stdout.decode().splitlines()]
        self.assertEqual([row[0] for row in rows], ["NODE", "node1", "node2", "node3"])
        self.assertIn("GiB", done.stdout.decode())
        self.assertEqual(self.up.estiba("status", "node[").returncode, 2)
        strange = self.up.estiba("status", "node99")
        self.assertNotEqual(strange.returncode, 0)
        self.assertIn(b"node99", strange.stderr)

    def test_a_worker_measures_only_while_somebody_looks(self):
        pid = self.up.pids()["node3"]

        def growth():
            """Reads of the worker in two seconds, by the gateway's own pace: two answers of another node's figures apart."""
            before = reads(pid)
            for _ in range(2):
                self.up.http("GET", "status?nodes=node1")
                self.up.http("GET", "status?nodes=node1")
            return reads(pid) - before
        quiet = estiba.wait_for(lambda: (number := growth()) < 100 and [number], 30, "a quiet worker")[0]
        watching = self.up.start("status", "node3", "--watch", "--json")
        try:
            self.assertEqual(json.loads(watching.stdout.readline())["node"], "node3")
            before = reads(pid)
            self.assertTrue(json.loads(watching.stdout.readline())["present"])
            self.assertGreater(reads(pid) - before, max(20, quiet))
        finally:
            watching.kill()
            watching.communicate()
        estiba.wait_for(lambda: growth() < 100, 30, "the worker to be quiet again")

    def test_a_node_that_is_away_is_said_with_since_when(self):
        with estiba.Up(nodes=2) as up:
            pid = up.pids()["node2"]
            os.kill(pid, 19)
            try:
                estiba.wait_for(lambda: b"node2  away" in up.estiba("nodes").stdout, 20, "node2 to be away")
                done = up.estiba("status")
                self.assertEqual(done.returncode, 0)
                node1, node2 = done.stdout.decode().splitlines()[1:]
                self.assertIn("GiB", node1)
                self.assertRegex(node2, r"^node2 .*away since \d{4}-\d\d-\d\d \d\d:\d\d:\d\d$")
            finally:
                os.kill(pid, 18)


class StopMine(shared.Case):
    def test_everything_of_mine_on_a_node_ends_and_nothing_else(self):
        both = self.up.detached("run", "-n", "node[1-2]", "--", "sleep", "600")
        one = self.up.detached("run", "-n", "node1", "--", "sleep", "600")
        try:
            def running():
                runs = [run for id in (both, one) for run in self.up.http("GET", f"executions/{id}").json()["runs"]]
                return all(run["state"] == "running" for run in runs)
            estiba.wait_for(running, 20, "three runs")
            done = self.up.estiba("stop", "--mine", "-n", "node1")
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertEqual(sorted(done.stdout.decode().split("\n")[:-1]), sorted(
                [f"{both} node1: stopped, 0 processes left", f"{one} node1: stopped, 0 processes left"]))
            self.assertIn(b"0 processes left", done.stderr)
            states = {run["node"]: run["state"] for run in self.up.http("GET", f"executions/{both}").json()["runs"]}
            self.assertEqual(states, {"node1": "stopped", "node2": "running"})
            again = self.up.estiba("stop", "--mine", "-n", "node1")
            self.assertEqual((again.returncode, again.stdout), (0, b""))
        finally:
            self.up.estiba("stop", both, "--grace", "500ms")
            self.up.estiba("stop", one, "--grace", "500ms")

    def test_what_makes_no_sense_together_is_wrong_usage(self):
        for words in (["--mine"], [], ["0" * 26, "--mine", "-n", "node1"]):
            self.assertEqual(self.up.estiba("stop", *words).returncode, 2, words)

    @unittest.skipUnless(estiba.IS_ROOT, "makes an account")
    def test_anothers_runs_go_on(self):
        account = estiba.Account()
        self.addCleanup(account.remove)
        theirs = account.token(self.up)
        execution = self.up.detached("run", "-n", "node1", "--", "sleep", "600", token=theirs)
        try:
            estiba.wait_for(
                lambda: self.up.http("GET", f"executions/{execution}", token=theirs).json()["runs"][0]["state"] == "running",
                20, "their run")
            answer = self.up.http("POST", "stop", {"nodes": ["node1"]})
            self.assertEqual(answer.status, 202)
            self.assertNotIn(execution, answer.body.decode())
            state = self.up.http("GET", f"executions/{execution}", token=theirs).json()["runs"][0]["state"]
            self.assertEqual(state, "running")
        finally:
            self.up.estiba("stop", execution, "--grace", "500ms", token=theirs)
