"""The fixed points of the command line."""

import json
import os
import pathlib
import signal
import subprocess
import tempfile
import unittest

import estiba
import shared


class CommandLine(shared.Case):
    def test_lines_are_labelled_and_the_largest_code_counts(self):
        done = self.up.estiba("run", "-n", "node[1-3]", "--shell", "--", "echo hi; echo oops >&2; exit ${ESTIBA_NODE#node}")
        self.assertEqual(sorted(done.stdout.splitlines()), [b"node1: hi", b"node2: hi", b"node3: hi"])
        errors = done.stderr.splitlines()
        self.assertEqual(sorted(errors[:3]), [b"node1: oops", b"node2: oops", b"node3: oops"])
        self.assertEqual(done.returncode, 3)
        self.assertIn(b"node1: exit code 1; node2: exit code 2; node3: exit code 3", errors[-1])

    def test_the_words_are_the_arguments_as_they_are(self):
        words = ["a b", "; id", "$(id)", "*", "", "new\nline", "-x", "--help", "'"]
        done = self.up.estiba("run", "-n", "node1", "--raw", "--", "python3", "-c", "import sys; print(sys.argv[1:])", *words)
        self.assertEqual(done.stdout.decode(), f"{words}\n")
        self.assertEqual(done.returncode, 0)

    def test_raw_gives_the_very_bytes_of_both_streams(self):
        program = "import os; os.write(1, bytes(range(256))*300 + b'x'); os.write(2, b'\\x80e\\0\\x1b[2J')"
        done = self.up.estiba("run", "-n", "node1", "--raw", "--", "python3", "-c", program)
        self.assertEqual(done.stdout, bytes(range(256)) * 300 + b"x")
        self.assertEqual(done.stderr, b"\x80e\0\x1b[2J")

    def test_sixty_four_mebibytes_without_an_end_of_line(self):
        done = self.up.estiba("run", "-n", "node1", "--raw", "--", "head", "-c", str(64 << 20), "/dev/zero", timeout=120)
        self.assertEqual(done.returncode, 0)
        self.assertEqual(len(done.stdout), 64 << 20)
        self.assertEqual(done.stdout.count(b"\0"), 64 << 20)

    def test_the_last_line_gets_its_end_where_it_is_labelled(self):
        done = self.up.estiba("run", "-n", "node1", "--", "printf", "a\\nb")
        self.assertEqual(done.stdout, b"node1: a\nnode1: b\n")

    def test_json_is_one_object_a_line(self):
        done = self.up.estiba("run", "-n", "node1", "--json", "--shell", "--", "echo '\"<b>\"'; exit 4")
        events = [json.loads(line) for line in done.stdout.splitlines()]
        self.assertEqual(events[0]["event"], "accepted")
        self.assertEqual([event["text"] for event in events if event["event"] == "line"], ['"<b>"'])
        self.assertIn("exited", [event.get("state") for event in events])
        self.assertEqual((events[-1]["event"], events[-1]["exit"], events[-1]["failed"]), ("summary", 4, "node1"))
        self.assertEqual(done.returncode, 4)

    def test_equal_output_is_folded_and_the_odd_one_is_first(self):
        sent = self.up.estiba("run", "-n", "node[1-3]", "--detach", "--shell", "--", "echo same; case $ESTIBA_NODE in node2) echo odd;; esac")
        execution = sent.stdout.decode().strip()
        self.up.estiba("logs", "-f", execution)
        folded = self.up.estiba("logs", execution, "--fold")
        self.assertEqual(folded.stdout.decode().splitlines(), [
            "--- node2 · 1 node · 2 lines", "same", "odd", "--- node[1,3] · 2 nodes · 1 line", "same"])
        self.assertEqual(self.up.estiba("logs", execution, "--fold", "-f").returncode, 2)

    def test_detach_prints_the_id_and_logs_take_it_up(self):
        done = self.up.estiba("run", "-n", "node1", "--detach", "--shell", "--", "echo one; sleep 1; echo two; exit 9")
        self.assertEqual(done.returncode, 0)
        execution = done.stdout.decode().strip()
        self.assertEqual(len(execution), 26)
        followed = self.up.estiba("logs", "-f", execution)
        self.assertEqual((followed.stdout, followed.returncode), (b"node1: one\nnode1: two\n", 9))
        again = self.up.estiba("logs", execution, "--node", "node1", "--raw")
        self.assertEqual((again.stdout, again.returncode), (b"one\ntwo\n", 0))

    def test_codes_of_other_ends(self):
        cases = [
            (["--shell", "--", "kill -9 $$"], 137),
            (["--timeout", "300ms", "--grace", "200ms", "--", "sleep", "60"], 124),
            (["--", "no-such-program"], 125),
            (["--", "/etc/passwd"], 125),
            (["--shell", "--", "exit 127"], 127),
        ]
        for arguments, code in cases:
            with self.subTest(arguments=arguments):
                done = self.up.estiba("run", "-n", "node1", *arguments)
                self.assertEqual(done.returncode, code, done.stderr)

    def test_wrong_usage_is_2(self):
        for arguments in [
            ["run"], ["run", "-n", "node1"], ["run", "-n", "node[1-", "--", "true"], ["run", "--", "true"],
            ["run", "-n", "node1", "--timeout", "5", "--", "true"], ["deploy", "/no/such/file", "-n", "node1"],
            ["run", "-n", "node[1-2]", "--raw", "--", "true"], ["logs", "not-an-id"], ["frobnicate"],
            ["run", "-n", "http://x", "--", "true"], ["run", "-n", "node1!node1", "--", "true"],
        ]:
            with self.subTest(arguments=arguments):
                done = self.up.estiba(*arguments)
                self.assertEqual(done.returncode, 2, done.stderr)
                self.assertEqual(done.stdout, b"")

    def test_not_logged_in_is_77_and_a_gateway_that_is_away_is_69(self):
        self.assertEqual(self.up.estiba("whoami", token="nonsense").returncode, 77)
        environment = dict(self.up.environment(), ESTIBA_GATEWAY="http://127.0.0.1:9")
        done = subprocess.run([estiba.build_folder() / "estiba", "whoami"], env=environment, capture_output=True, timeout=30)
        self.assertEqual(done.returncode, 69, done.stderr)

    def test_whoami_nodes_history_show(self):
        user = self.up.estiba("whoami").stdout.decode().strip()
        self.assertEqual(user, os.popen("id -un").read().strip())
        nodes = [json.loads(line) for line in self.up.estiba("nodes", "--json").stdout.splitlines()]
        self.assertEqual([(node["name"], node["present"]) for node in nodes], [(f"node{n}", True) for n in (1, 2, 3)])
        execution = self.up.detached("run", "-n", "*", "--", "true")
        self.up.ended(execution)
        self.assertIn(execution.encode(), self.up.estiba("history").stdout)
        shown = json.loads(self.up.estiba("show", execution, "--json").stdout)
        self.assertEqual([run["state"] for run in shown["runs"]], ["exited"] * 3)

    def test_stop_waits_for_the_proof(self):
        execution = self.up.detached(
            "run", "-n", "node[1-2]", "--shell", "--", "trap '' TERM; setsid sleep 4321 & sleep 4321; sleep 4321")
        estiba.wait_for(lambda: len(pids_of("sleep\0004321")) >= 4, what="the start")
        self.assertIn(execution.encode(), self.up.estiba("ps").stdout)
        done = self.up.estiba("stop", execution, "--grace", "300ms")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn(b"0 processes left", done.stderr)
        self.assertEqual(pids_of("sleep\0004321"), [])
        self.assertEqual({run["state"] for run in self.up.ended(execution).values()}, {"stopped"})
        self.assertEqual(self.up.estiba("logs", "-f", execution).returncode, 130)

    def test_ctrl_c_lets_go_and_twice_stops(self):
        following = self.up.start("run", "-n", "node1", "--shell", "--", "echo on; sleep 5432", start_new_session=True)
        self.assertEqual(following.stdout.readline(), b"node1: on\n")
        following.send_signal(signal.SIGINT)
        _, errors = following.communicate(timeout=10)
        self.assertEqual(following.returncode, 130)
        execution = errors.decode().split("estiba logs -f ")[1][:26]
        again = self.up.start("logs", "-f", execution, start_new_session=True)
        self.assertEqual(again.stdout.readline(), b"node1: on\n")
        again.send_signal(signal.SIGINT)
        self.assertIn(b"Ctrl-C again now stops it", again.stderr.readline())
        again.send_signal(signal.SIGINT)
        again.communicate(timeout=90)
        self.assertEqual(again.returncode, 130)
        self.assertEqual(self.up.ended(execution)["node1"]["state"], "stopped")

    def test_the_environment_of_a_command(self):
        done = self.up.estiba("run", "-n", "node2", "--raw", "--", "env")
        names = dict(line.split("=", 1) for line in done.stdout.decode().splitlines() if "=" in line)
        self.assertEqual(names["ESTIBA_NODE"], "node2")
        self.assertEqual(len(names["ESTIBA_EXECUTION"]), 26)
        self.assertEqual(names["ESTIBA_USER"], names["USER"])
        self.assertEqual(set(names) - {
            "HOME", "USER", "LOGNAME", "SHELL", "PATH", "LANG", "ESTIBA_NODE", "ESTIBA_EXECUTION", "ESTIBA_FOLDER",
            "ESTIBA_USER"}, set())

    def test_stdin_is_at_its_end_and_no_descriptor_is_left_open(self):
        done = self.up.estiba("run", "-n", "node1", "--raw", "--", "cat")
        self.assertEqual((done.stdout, done.returncode), (b"", 0))
        done = self.up.estiba("run", "-n", "node1", "--raw", "--", "ls", "/proc/self/fd")
        self.assertEqual(done.stdout.split(), [b"0", b"1", b"2", b"3"])  # 3 is the folder that ls reads

    def test_every_verb_explains_itself(self):
        verbs = ["up", "login", "logout", "whoami", "nodes", "run", "deploy", "rollback", "logs", "ps", "history", "show", "stop",
                 "status", "sessions", "adopt"]
        for verb in verbs:
            done = self.up.estiba(verb, "--help")
            self.assertEqual(done.returncode, 0)
            self.assertIn(b"Example", done.stdout, verb)

    def test_keys_new(self):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder, "k")
            done = self.up.estiba("keys", "new", path)
            self.assertEqual(path.stat().st_mode & 0o777, 0o400)
            self.assertIn(done.stdout.strip(), path.read_bytes())
            self.assertNotEqual(self.up.estiba("keys", "new", path).returncode, 0)


def pids_of(words):
    """Processes whose command line begins with these words."""
    found = []
    for folder in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            if (folder / "cmdline").read_bytes().decode(errors="replace").startswith(words):
                found.append(int(folder.name))
        except OSError:
            pass
    return found


if __name__ == "__main__":
    unittest.main()
