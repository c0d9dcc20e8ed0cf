"""A stop ends every process of the run and says so, limits end in states that name them: with cgroups and without."""

import json
import os
import pathlib
import signal
import threading
import time
import unittest

import estiba

# Gets away from its session, its parent and its pipes, and does not hear SIGTERM.
STUBBORN = """
import os, signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
for _ in range(3):
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            os.closerange(0, 100)
            time.sleep(600)
        os._exit(0)
os.write(1, b"up\\n")
time.sleep(600)
"""

# Bounded by itself in number and time, should the limit not hold.
BOMB = """
import os, resource, time
resource.setrlimit(resource.RLIMIT_NPROC, (500, 500))
end = time.monotonic() + 20
while time.monotonic() < end:
    try: os.fork()
    except OSError: time.sleep(0.01)
"""

HUNGRY = "import time; x = b'x' * (1 << 30); time.sleep(60)"


def processes(uid):
    """All that have this real user and are not dead."""
    found = []
    for folder in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            lines = (folder / "status").read_text().splitlines()
        except OSError:
            continue
        fields = dict(line.split(":\t", 1) for line in lines if ":\t" in line)
        if fields["Uid"].split()[0] == str(uid) and fields["State"][0] not in "ZX":
            found.append(int(folder.name))
    return found


class Proof:
    """The cases of both forms."""

    within = ()

    @classmethod
    def setUpClass(cls):
        cls.up = estiba.Up(nodes=3, within=cls.within)
        cls.addClassCleanup(cls.up.stop)
        cls.account = estiba.Account()
        cls.addClassCleanup(cls.account.remove)
        cls.token = cls.account.token(cls.up)

    def estiba(self, *arguments, **more):
        return self.up.estiba(*arguments, token=self.token, **more)

    def begin(self, *command, nodes="node[1-3]", output=b"up\n"):
        """Starts a command, and waits until it has said so on every node."""
        execution = self.up.detached("run", "-n", nodes, "--", *command, token=self.token)
        # Whatever becomes of the case, the next one begins without it.
        self.addCleanup(self.estiba, "stop", execution, "--grace", "0s")
        for node in (run["node"] for run in self.show(execution)["runs"]):
            path = f"executions/{execution}/raw?node={node}&stream=stdout"
            estiba.wait_for(lambda: self.up.http("GET", path, token=self.token).body == output, 30, f"output of {node}")
        return execution

    def show(self, execution):
        return self.up.http("GET", f"executions/{execution}", token=self.token).json()

    def test_a_stop_ends_every_process_and_says_0_processes_left_for_each_node(self):
        execution = self.begin("python3", "-c", STUBBORN)
        estiba.wait_for(lambda: len(processes(self.account.uid)) >= 12, what="all processes seen in one look")
        begun = time.monotonic()
        done = self.estiba("stop", execution, "--grace", "1s")
        took = time.monotonic() - begun
        self.assertEqual(processes(self.account.uid), [])
        self.assertEqual(done.returncode, 0, done.stderr)
        lines = sorted(line.split(": limits")[0] for line in done.stdout.decode().splitlines())
        self.assertEqual(lines, [f"node{number}: stopped, 0 processes left" for number in (1, 2, 3)])
        self.assertTrue(done.stderr.decode().endswith("0 processes left\n"), done.stderr)
        # The grace, two seconds, and the start of the command line.
        self.assertLess(took, 1 + 2 + 2)
        self.assertEqual(
            {(run["state"], run["remaining"]) for run in self.show(execution)["runs"]}, {("stopped", 0)})

    def test_a_stop_can_be_read_by_programs_and_need_not_be_waited_for(self):
        execution = self.begin("python3", "-c", STUBBORN)
        done = self.estiba("stop", execution, "-n", "node1", "--grace", "0s", "--json")
        self.assertEqual(done.returncode, 0, done.stderr)
        state, end = map(json.loads, done.stdout.splitlines())
        self.assertEqual((state["node"], state["state"], state["remaining"]), ("node1", "stopped", 0))
        self.assertEqual(end, {"event": "stopped", "execution": execution, "remaining": 0})
        done = self.estiba("stop", execution, "--grace", "0s", "--no-wait", "--json")
        self.assertEqual(json.loads(done.stdout), {"event": "stopping", "execution": execution})
        self.up.ended(execution, token=self.token)
        self.assertEqual(processes(self.account.uid), [])

    def test_all_of_mine_on_a_node_ends_with_the_same_proof(self):
        execution = self.begin("python3", "-c", STUBBORN, nodes="node2")
        done = self.estiba("stop", "--mine", "-n", "node2", "--grace", "0s")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(done.stdout.decode(), f"{execution} node2: stopped, 0 processes left\n")
        self.assertEqual(processes(self.account.uid), [])

    def test_who_follows_a_stopped_run_ends_with_130(self):
        attached = self.up.start("run", "-n", "node1", "--json", "--", "sleep", "600", token=self.token)
        execution = json.loads(attached.stdout.readline())["execution"]
        self.assertEqual(self.estiba("stop", execution, "--grace", "1s").returncode, 0)
        attached.communicate(timeout=30)
        self.assertEqual(attached.returncode, 130)

    def test_a_stop_while_the_worker_is_dead_is_carried_out_when_it_is_back(self):
        execution = self.begin("python3", "-c", STUBBORN, nodes="node3")
        # `up` cannot start the worker again before it goes on itself.
        os.kill(self.up.process.pid, signal.SIGSTOP)
        try:
            self.up.kill("node3")
            estiba.wait_for(lambda: not self.present("node3"), 10, "node3 away")
            self.assertEqual(self.estiba("stop", execution, "--grace", "1s", "--no-wait").returncode, 0)
            self.assertNotEqual(processes(self.account.uid), [])
        finally:
            os.kill(self.up.process.pid, signal.SIGCONT)
        run = self.up.ended(execution, token=self.token)["node3"]
        self.assertEqual((run["state"], run["remaining"]), ("stopped", 0))
        self.assertEqual(processes(self.account.uid), [])

    def test_a_stop_while_files_are_on_their_way_starts_nothing(self):
        blob = self.up.http("POST", "blobs", os.urandom(64 << 20), token=self.token).json()["blob"]
        worker = self.up.pids()["node1"]
        request = {
            "nodes": ["node1"], "kind": "deploy", "files": [{"blob": blob, "name": "load", "overwrite": True}],
            "command": {"shell": "echo started > ~/started; sleep 600"}}
        execution = self.up.submit(request, token=self.token).json()["execution"]
        estiba.wait_for(lambda: self.show(execution)["runs"][0]["state"] != "waiting", what="the order's way")
        os.kill(worker, signal.SIGSTOP)
        try:
            self.assertEqual(self.estiba("stop", execution, "--grace", "0s", "--no-wait").returncode, 0)
        finally:
            os.kill(worker, signal.SIGCONT)
        run = self.up.ended(execution, token=self.token)["node1"]
        self.assertIn(run["state"], ("cancelled", "stopped"))
        self.assertEqual(run["remaining"], 0)
        self.assertEqual(processes(self.account.uid), [])

    # MARK: Limits

    def test_the_time_limit_ends_as_timed_out_with_124(self):
        done = self.estiba("run", "-n", "node1", "--timeout", "1s", "--grace", "1s", "--", "python3", "-c", STUBBORN)
        self.assertEqual(done.returncode, 124, done.stderr)
        self.assertEqual(processes(self.account.uid), [])

    def test_the_memory_limit_ends_as_out_of_memory_with_137(self):
        done = self.estiba("run", "-n", "node1", "--memory", "128M", "--json", "--", "python3", "-c", HUNGRY)
        self.assertEqual(done.returncode, 137, done.stderr)
        end = [line for line in map(json.loads, done.stdout.splitlines()) if line.get("state") == "out-of-memory"]
        self.assertEqual(len(end), 1, done.stdout)
        self.assertEqual((end[0]["reason"]["code"], end[0]["remaining"]), ("limits", 0))
        self.assertIn("limit of memory, 128 MiB", end[0]["reason"]["sentence"])
        self.check_how_limits_are_kept(end[0]["reason"]["sentence"])
        self.assertEqual(processes(self.account.uid), [])

    def test_a_fork_bomb_ends_at_its_limit_and_the_node_stays_present(self):
        before = self.node("node1")
        absences, over = [], threading.Event()

        def watch():
            while not over.wait(0.1):
                if self.node("node1")["since"] != before["since"]:
                    absences.append(self.node("node1"))

        watcher = threading.Thread(target=watch)
        watcher.start()
        done = self.estiba("run", "-n", "node1", "--processes", "60", "--", "python3", "-c", BOMB)
        over.set()
        watcher.join()
        self.assertEqual(done.returncode, 137, done.stderr)
        self.assertIn("more than its limit of 60 processes", done.stderr.decode())
        self.check_how_limits_are_kept(done.stderr.decode())
        self.assertEqual(absences, [])
        self.assertEqual(processes(self.account.uid), [])

    def test_a_run_within_its_limits_ends_by_itself(self):
        done = self.estiba(
            "run", "-n", "node1", "--memory", "512M", "--processes", "50", "--timeout", "60s", "--shell", "--",
            "seq 3 | tail -1; exit 5")
        self.assertEqual((done.returncode, done.stdout), (5, b"node1: 3\n"), done.stderr)

    def test_limits_that_make_no_sense_are_refused(self):
        answer = self.up.submit({"nodes": ["node1"], "command": {"line": "true"}, "memoryBytes": 1000}, token=self.token)
        self.assertEqual((answer.status, answer.code), (400, "bad_request"))
        for words in (["--memory", "much"], ["--memory", "5X"], ["--processes", "-1"]):
            self.assertEqual(self.estiba("run", "-n", "node1", *words, "--", "true").returncode, 2, words)

    def check_how_limits_are_kept(self, text):
        """Where no controller keeps them it is said; these machines have one form or the other."""
        if not controllers():
            self.assertIn("kept by rlimit", text)

    def node(self, name):
        return next(node for node in self.up.http("GET", "nodes").json()["nodes"] if node["name"] == name)

    def present(self, name):
        return self.node(name)["present"]


def controllers():
    """Whether this machine's cgroups of version 2 have those that limits want."""
    for folder in ("/sys/fs/cgroup/unified", "/sys/fs/cgroup"):
        try:
            found = pathlib.Path(folder, "cgroup.controllers").read_text().split()
        except OSError:
            continue
        return {"memory", "pids"} <= set(found)
    return False


@unittest.skipUnless(estiba.IS_ROOT, "needs root for an account of its own")
@unittest.skipUnless(estiba.has_cgroups(), "this machine has no cgroup of version 2 that can be written")
class WithCgroups(Proof, unittest.TestCase):
    def test_it_is_so(self):
        done = self.estiba("run", "-n", "node1", "--", "cat", "/proc/self/cgroup")
        self.assertIn(b"/estiba-node1/", done.stdout, done.stderr)

    @unittest.skipUnless(controllers(), "the cgroups of version 2 here have no memory and pids controllers")
    def test_the_kernel_keeps_the_limits_where_it_can(self):
        done = self.estiba("run", "-n", "node1", "--memory", "128M", "--json", "--", "python3", "-c", HUNGRY)
        self.assertEqual(done.returncode, 137, done.stderr)
        self.assertNotIn(b"kept by rlimit", done.stdout)


@unittest.skipUnless(estiba.IS_ROOT, "needs root for an account of its own")
@unittest.skipUnless(estiba.can_hide_cgroups(), "no mount namespace can be made here")
class WithoutCgroups(Proof, unittest.TestCase):
    within = estiba.WITHOUT_CGROUPS

    def test_it_is_so(self):
        done = self.estiba("run", "-n", "node1", "--", "cat", "/proc/self/cgroup")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertNotIn(b"estiba-node1", done.stdout)


@unittest.skipUnless(estiba.IS_ROOT, "needs root for an account of its own")
class Ceilings(unittest.TestCase):
    def test_the_operators_limits_hold_for_every_run_and_stops_reach_what_makes_ready(self):
        with estiba.Up(nodes=1) as up:
            profiles = up.folder / "profiles"
            profiles.mkdir(mode=0o755)
            (profiles / "slow.yaml").write_text(
                "says: takes its time\nfolder: slow\nbefore: |\n  (setsid sleep 600 &)\n  touch begun; sleep 600\nwithin: 300s\n")
            with open(up.folder / "node1.yaml", "a") as settings:
                settings.write("memoryBytesPerRun: 536870912\nprocessesPerRun: 40\n")
            text = (up.folder / "node1.yaml").read_text().splitlines()
            text = [line for line in text if not line.startswith("profiles")] + [f'profiles: ["{profiles}"]']
            (up.folder / "node1.yaml").write_text("\n".join(text) + "\n")
            before = up.kill("node1")
            estiba.wait_for(lambda: up.pids().get("node1", before) != before, what="the worker with other settings")
            estiba.wait_for(lambda: up.estiba("run", "-n", "node1", "--", "true").returncode == 0, 20, "the node")
            account = estiba.Account()
            self.addCleanup(account.remove)
            token = account.token(up)
            done = up.estiba("run", "-n", "node1", "--memory", "4G", "--", "python3", "-c", HUNGRY, token=token)
            self.assertEqual(done.returncode, 137, done.stderr)
            self.assertIn("limit of memory, 512 MiB", done.stderr.decode())
            done = up.estiba("run", "-n", "node1", "--", "python3", "-c", BOMB, token=token)
            self.assertIn("more than its limit of 40 processes", done.stderr.decode())

            blob = up.http("POST", "blobs", b"x", token=token).json()["blob"]
            request = {"nodes": ["node1"], "kind": "deploy", "files": [{"blob": blob, "name": "f", "profile": "slow"}]}
            execution = up.submit(request, token=token).json()["execution"]
            begun = up.folder / "nodes/node1/home" / account.name / "begun"
            estiba.wait_for(begun.exists, 20, "what makes ready")
            done = up.estiba("stop", execution, token=token)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertRegex(done.stdout.decode(), r"^node1: cancelled\b.*, 0 processes left\n$")
            self.assertEqual(processes(account.uid), [])


if __name__ == "__main__":
    unittest.main()
