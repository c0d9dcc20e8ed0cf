"""A running command outlives every part of Estiba: their kills, their ends, their upgrades. And what a node that is away gets."""

import concurrent.futures
import os
import re
import signal
import time
import unittest

import estiba
from chaos import case, processes

class Survival(case.Printing):
    def test_a_command_outlives_kill_and_sigterm_of_every_part(self):
        execution = self.start()
        for number in (signal.SIGKILL, signal.SIGTERM):
            for part in ("node1", "broker1", "gateway1"):
                self.restart(part, number)
                self.goes_on(execution)
        self.finish(execution)

    def test_a_worker_takes_its_runs_up_within_five_seconds(self):
        execution = self.start()
        taken = []
        for _ in range(3):
            before = self.there.kill("node1")
            began = time.monotonic()
            estiba.wait_for(lambda: self.there.pid("node1") not in (None, before), 20, "the next worker")
            # What was on its way before the kill may still come: from here on it is the next one's.
            behind = self.copied(execution) + 4096
            estiba.wait_for(lambda: self.copied(execution) > behind, 30, "output by the next worker")
            taken.append(time.monotonic() - began)
        self.finish(execution)
        print(f"(taken up after {', '.join(f'{each:.1f}' for each in taken)} s) ", end="")
        self.assertLess(min(taken), 5)

    def test_a_command_outlives_the_upgrade_of_every_part(self):
        execution = self.start()
        for part in ("node1", "broker1", "gateway1"):
            self.settings(part, programVersion="9.9.9", protocolVersions="1-2")
            self.goes_on(execution)
            self.assertIn("program=9.9.9", self.there.said(part))
        nodes = {each["name"]: each.get("program") for each in self.ask("GET", "nodes").json()["nodes"]}
        self.assertEqual(nodes["node1"], "9.9.9")
        self.assertNotEqual(nodes["node2"], "9.9.9")
        for part in ("gateway1", "broker1", "node1"):
            self.settings(part)
            self.goes_on(execution)
        self.finish(execution)

    def test_what_is_left_of_a_run_is_killed_before_it_reads_interrupted(self):
        mark = "chaos-left-" + os.urandom(4).hex()
        line = f"setsid sh -c 'sleep 300 # {mark}; :' & trap '' TERM; sleep 300; : {mark}"
        execution = self.submit(["node2"], "sh", "-c", line)
        alone = lambda: [pid for pid in processes.processes(mark.encode()) if pid != os.getpid()]
        estiba.wait_for(lambda: len(alone()) >= 2, 20, "its processes")
        supervisor = [pid for pid in self.there.supervisors()
                      if execution.encode() in open(f"/proc/{pid}/cmdline", "rb").read()]
        self.assertEqual(len(supervisor), 1)
        os.kill(supervisor[0], signal.SIGKILL)
        run = self.ended(execution)["node2"]
        self.assertEqual(alone(), [])
        self.assertEqual(run["state"], "interrupted")
        self.assertIn("supervisor", run["reason"]["sentence"])


class Versions(case.Case):
    def test_a_peer_of_another_protocol_is_refused_by_name_on_both_sides_and_never_misread(self):
        self.settings("node2", protocolVersions="2-3")
        estiba.wait_for(lambda: "code=version" in self.there.said("node2"), 20, "a line at the node")
        estiba.wait_for(lambda: re.search(r"version 2.*sender=node:node2", self.there.said("broker1")), 20,
                        "a line at the broker")
        # The one before it may still be held present.
        estiba.wait_for(lambda: not self.is_present("node2"), what="the absence of node2")
        execution = self.submit(["node1", "node2"], "echo", "well")
        estiba.wait_for(lambda: self.runs(execution)["node1"]["state"] == "exited", 20, "the other node")
        self.assertEqual(self.runs(execution)["node2"]["state"], "waiting")
        self.settings("node2")
        self.assertEqual({run["state"] for run in self.ended(execution).values()}, {"exited"})

    def test_a_broker_of_another_protocol_is_left_alone_until_it_speaks_ones_own(self):
        self.settings("broker1", protocolVersions="2")
        for part in ("node1", "gateway1"):
            estiba.wait_for(lambda: "code=version" in self.there.said(part), 20, f"a line at {part}")
        execution = self.submit(["node1"], "echo", "well")
        self.settings("broker1")
        self.assertEqual(self.ended(execution)["node1"]["state"], "exited")

    def test_versions_that_make_no_sense_stop_the_start(self):
        self.settings("node3", protocolVersions="3-2")
        estiba.wait_for(lambda: "protocolVersions" in self.there.said("node3"), 20, "its words")
        self.settings("node3")
        estiba.wait_for(lambda: self.is_present("node3"), 30, "node3")


class Away(case.Case):
    def tearDown(self):
        for node in ("node1", "node2", "node3"):
            self.there.release(node)
            estiba.wait_for(lambda: self.is_present(node), 30, node)

    def leave(self, node):
        self.there.hold(node)
        estiba.wait_for(lambda: not self.is_present(node), 20, f"the absence of {node}")

    def touch(self, nodes, **more):
        """A command that leaves a file; the execution and the file."""
        file = self.there.folder / os.urandom(6).hex()
        return self.submit(nodes, "sh", "-c", f"echo $ESTIBA_NODE >>{file}", **more), file

    def test_a_node_that_comes_back_in_time_gets_the_order(self):
        self.leave("node2")
        execution, file = self.touch(["node2"], waitMilliseconds=60_000)
        self.assertEqual(self.runs(execution)["node2"]["state"], "waiting")
        self.there.release("node2")
        self.assertEqual(self.ended(execution)["node2"]["state"], "exited")
        self.assertEqual(file.read_text(), "node2\n")

    def test_a_node_that_comes_back_too_late_starts_nothing(self):
        self.leave("node2")
        execution, file = self.touch(["node2"], waitMilliseconds=1000)
        run = self.ended(execution)["node2"]
        self.assertEqual(run["state"], "expired")
        self.assertIn("node2", run["reason"]["sentence"])
        self.there.release("node2")
        estiba.wait_for(lambda: self.is_present("node2"), 30, "node2")
        # What comes after it on the same node is done: the order before it is not on its way.
        self.assertEqual(self.ended(self.submit(["node2"], "true"))["node2"]["state"], "exited")
        self.assertFalse(file.exists())

    def test_a_stop_for_a_node_that_is_away_prevents_the_start(self):
        self.leave("node2")
        execution, file = self.touch(["node2"])
        self.assertEqual(self.ask("POST", f"executions/{execution}/stop", {}).status, 202)
        self.there.release("node2")
        run = self.ended(execution)["node2"]
        self.assertEqual((run["state"], run["reason"]["code"]), ("cancelled", "cancelled"))
        estiba.wait_for(lambda: self.is_present("node2"), 30, "node2")
        self.assertEqual(self.ended(self.submit(["node2"], "true"))["node2"]["state"], "exited")
        self.assertFalse(file.exists())

    def test_a_stop_that_a_crash_left_half_written_is_done(self):
        self.leave("node2")
        execution, file = self.touch(["node2"])
        # After its restart the gateway cannot know that nothing was sent: the node itself must say what became of it.
        self.restart("gateway1")
        self.assertEqual(self.ask("POST", f"executions/{execution}/stop", {}).status, 202)
        folder = self.there.folder / "data" / "node2" / "runs" / execution
        folder.mkdir(mode=0o700)
        (folder / "report").touch(mode=0o600)
        self.there.release("node2")
        self.assertEqual(self.ended(execution)["node2"]["state"], "cancelled")
        self.assertFalse(file.exists())

    def test_a_stop_while_an_order_is_on_its_way_to_a_frozen_node_is_kept(self):
        pid = self.there.pause("node2")
        try:
            execution, file = self.touch(["node2"])
            self.assertEqual(self.ask("POST", f"executions/{execution}/stop", {"graceMilliseconds": 1000}).status, 202)
        finally:
            self.there.resume(pid)
        self.assertIn(self.ended(execution)["node2"]["state"], ("cancelled", "stopped", "exited"))
        self.assertEqual(file.exists(), self.runs(execution)["node2"]["state"] != "cancelled")

    def test_a_hung_node_delays_no_other(self):
        pid = self.there.pause("node2")
        try:
            taken = []
            for _ in range(5):
                began = time.monotonic()
                execution = self.submit(["node1", "node2", "node3"], "echo", "well")
                estiba.wait_for(lambda: all(self.runs(execution)[node]["state"] == "exited" for node in ("node1", "node3")),
                                20, "the others")
                taken.append(time.monotonic() - began)
        finally:
            self.there.resume(pid)
        self.assertLess(sorted(taken)[len(taken) // 2], 3, taken)
        self.assertEqual(self.ended(execution)["node2"]["state"], "exited")


class Once(case.Case):
    def test_one_key_twenty_times_at_once_and_after_a_restart_is_one_execution(self):
        file = self.there.folder / os.urandom(6).hex()
        words, key = ["sh", "-c", f"echo ran >>{file}"], os.urandom(8).hex()
        with concurrent.futures.ThreadPoolExecutor(20) as pool:
            asked = [pool.submit(self.submit, ["node1"], *words, key=key) for _ in range(20)]
            ids = {each.result() for each in asked}
        self.assertEqual(len(ids), 1)
        execution = ids.pop()
        self.restart("gateway1")
        self.assertEqual(self.submit(["node1"], *words, key=key), execution)
        other = self.ask("POST", "executions", {"nodes": ["node1"], "command": {"arguments": ["true"]}}, Idempotency_Key=key)
        self.assertEqual((other.status, other.code), (409, "conflict"))
        self.assertEqual(self.ended(execution)["node1"]["state"], "exited")
        self.assertEqual(file.read_text(), "ran\n")

    def test_after_a_crash_between_intent_and_start_it_reads_interrupted_and_starts_no_more(self):
        """The supervisor is so slow that the worker is killed before it has begun; it comes when the run is given up."""
        slow = self.there.folder / "slow-supervisor"
        slow.write_text(f'#!/bin/sh\nsleep 8\nexec {estiba.build_folder()}/estiba-supervisor "$@"\n')
        slow.chmod(0o755)
        self.settings("node3", supervisor=str(slow))
        estiba.wait_for(lambda: self.is_present("node3"), 30, "node3")
        file = self.there.folder / os.urandom(6).hex()
        execution = self.submit(["node3"], "sh", "-c", f"echo ran >>{file}")
        waiting = lambda: [pid for pid in processes.processes(execution.encode()) if pid != os.getpid()]
        estiba.wait_for(waiting, 20, "the supervisor on its way")
        self.restart("node3")
        run = self.ended(execution)["node3"]
        self.assertEqual((run["state"], run["reason"]["code"]), ("interrupted", "gone"))
        estiba.wait_for(lambda: not waiting(), 30, "the end of the late supervisor")
        self.assertFalse(file.exists())
        self.settings("node3")
        estiba.wait_for(lambda: self.is_present("node3"), 30, "node3")
        self.assertEqual(self.ended(self.submit(["node3"], "true"))["node3"]["state"], "exited")


if __name__ == "__main__":
    unittest.main()
