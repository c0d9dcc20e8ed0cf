"""Real accounts: who may log in, and as whom commands run. Needs root."""

import contextlib
import os
import statistics
import subprocess
import tempfile
import time
import unittest

import estiba
import shared


@unittest.skipUnless(estiba.IS_ROOT, "only root can make accounts")
class Accounts(shared.Case):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.accounts = []
        cls.plain = cls.account()
        cls.grouped = cls.account(groups=2)
        cls.expired = cls.account().change("chage", "-E", "1")
        cls.locked = cls.account().change("passwd", "-l")
        cls.closed = cls.account(shell="/usr/sbin/nologin")

    @classmethod
    def account(cls, **more):
        account = estiba.Account(**more)
        cls.accounts.append(account)
        return account

    @classmethod
    def tearDownClass(cls):
        for account in cls.accounts:
            account.remove()

    def test_a_right_password_logs_in(self):
        answer = self.plain.log_in(self.up)
        self.assertEqual(answer.status, 200, answer.body)
        self.assertEqual((answer.json()["user"], answer.json()["uid"]), (self.plain.name, self.plain.uid))
        cookie = answer.headers["Set-Cookie"]
        self.assertTrue(cookie.startswith("__Host-estiba-"))
        for word in ["Secure", "HttpOnly", "SameSite=Strict", "Path=/"]:
            self.assertIn(word, cookie)
        self.assertEqual(answer.headers["Cache-Control"], "no-store")
        self.assertEqual(self.up.http("GET", "whoami", token=answer.json()["token"]).json()["user"], self.plain.name)

    def test_all_refusals_are_alike(self):
        answers = {
            "wrong": self.plain.log_in(self.up, "wrong", source="127.0.0.2"),
            "unknown": self.up.http("POST", "login", {"user": "nobody-here", "password": "x"}, token=None, source="127.0.0.3"),
            "expired": self.expired.log_in(self.up, source="127.0.0.4"),
            "locked": self.locked.log_in(self.up, source="127.0.0.5"),
            "nologin": self.closed.log_in(self.up, source="127.0.0.6"),
            "root": self.up.http("POST", "login", {"user": "root", "password": "x"}, token=None, source="127.0.0.7"),
            "daemon": self.up.http("POST", "login", {"user": "daemon", "password": "x"}, token=None, source="127.0.0.8"),
        }
        self.assertEqual({name: answer.status for name, answer in answers.items()}, {name: 401 for name in answers})
        self.assertEqual(len({answer.body for answer in answers.values()}), 1)
        heads = {tuple(sorted((k, v) for k, v in answer.headers.items() if k.lower() != "date")) for answer in answers.values()}
        self.assertEqual(len(heads), 1)

    def test_time_does_not_tell_who_exists(self):
        def seconds(user, number):
            began = time.monotonic()
            self.up.http("POST", "login", {"user": user, "password": "x"}, token=None, source=f"127.0.1.{number}")
            return time.monotonic() - began
        known = statistics.median(seconds(self.plain.name, number) for number in range(1, 4))
        unknown = statistics.median(seconds("nobody-here", number) for number in range(11, 14))
        self.assertLess(abs(known - unknown) / max(known, unknown), 0.15)

    def test_after_ten_failures_a_wait_but_not_for_others(self):
        account = self.account()
        # One machine has all of 127/8.
        statuses = [account.log_in(self.up, "wrong", source=f"127.0.2.{number}").status for number in range(1, 12)]
        self.assertEqual(statuses, [401] * 10 + [429])
        self.assertEqual(account.log_in(self.up, source="127.0.2.12").status, 429)
        self.assertEqual(self.plain.log_in(self.up, source="127.0.2.1").status, 200)

    def test_odd_names_and_passwords(self):
        for user in ["a\0b", "a\nb", "x" * 10_000, "-x", self.plain.name + " ", ""]:
            answer = self.up.http("POST", "login", {"user": user, "password": self.plain.password}, token=None, source="127.0.3.1")
            self.assertIn(answer.status, (400, 401), user[:10])
        for password in ["", self.plain.password + "\0x", self.plain.password + " ", "x" * 4096]:
            answer = self.plain.log_in(self.up, password, source="127.0.3.2") if password else self.up.http(
                "POST", "login", {"user": self.plain.name, "password": ""}, token=None, source="127.0.3.2")
            self.assertIn(answer.status, (400, 401))

    def test_login_by_the_command_line(self):
        with self.config() as environment:
            done = self.cli(environment, "login", "--user", self.plain.name, input=self.plain.password.encode() + b"\n")
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertEqual(self.cli(environment, "whoami").stdout.decode().strip(), self.plain.name)
            self.assertEqual(self.cli(environment, "logout").returncode, 0)
            self.assertEqual(self.cli(environment, "whoami").returncode, 77)
            done = self.cli(environment, "login", "--user", self.plain.name, input=b"wrong\n")
            self.assertEqual(done.returncode, 77)

    @contextlib.contextmanager
    def config(self):
        """An environment whose login is kept in a folder of its own."""
        with tempfile.TemporaryDirectory() as folder:
            environment = dict(os.environ, XDG_CONFIG_HOME=folder, ESTIBA_GATEWAY=self.up.url)
            environment.pop("ESTIBA_TOKEN", None)
            yield environment

    def cli(self, environment, *arguments, **more):
        return subprocess.run([estiba.build_folder() / "estiba", *arguments], env=environment, capture_output=True, timeout=30, **more)

    def test_a_command_runs_as_the_user_with_every_group(self):
        for account in [self.plain, self.grouped]:
            done = self.up.estiba("run", "-n", "node[1-3]", "--", "id", token=account.token(self.up))
            wanted = subprocess.run(["id", account.name], capture_output=True).stdout.strip()
            said = [line.split(b": ", 1)[1] for line in done.stdout.splitlines()]
            self.assertEqual(len(said), 3, done.stderr)
            for line in said:
                self.assertEqual(sorted_groups(line), sorted_groups(wanted))

    def test_a_home_of_its_own_on_each_node(self):
        token = self.plain.token(self.up)
        done = self.up.estiba("run", "-n", "node1", "--raw", "--shell", "--", "cd && pwd && touch here && stat -c %U here", token=token)
        home = self.node_home("node1", self.plain.name)
        self.assertEqual(done.stdout.decode().split(), [str(home), self.plain.name], done.stderr)
        self.assertTrue((home / "here").exists())
        self.assertEqual(home.stat().st_mode & 0o777, 0o700)

    def test_a_folder_that_the_user_may_not_write_to(self):
        blob = self.up.http("POST", "blobs", b"x", token=self.plain.token(self.up)).json()["blob"]
        file = dict(blob=blob, name="estiba-test", folder="/etc")
        run = self.up.outcome({"nodes": ["node1"], "kind": "deploy", "files": [file]}, token=self.plain.token(self.up))["node1"]
        self.assertEqual((run["state"], run["reason"]["code"]), ("refused", "permission"))

    def test_what_another_did_is_not_there(self):
        execution = self.up.detached("run", "-n", "node1", "--", "echo", "secret")
        token = self.account().token(self.up)
        for path in ["", "/frames", "/output", "/raw?node=node1"]:
            answer = self.up.http("GET", f"executions/{execution}{path}", token=token)
            self.assertEqual((answer.status, answer.code), (404, "unknown_execution"), path)
        self.assertEqual(self.up.http("POST", f"executions/{execution}/stop", {}, token=token).status, 404)
        self.assertEqual(self.up.http("GET", "executions", token=token).json()["executions"], [])

    def test_an_account_that_is_locked_after_it_was_accepted(self):
        account = self.account()
        token = account.token(self.up)
        account.change("chage", "-E", "1")
        answer = self.up.submit({"nodes": ["node1"], "command": {"arguments": ["id"]}}, token=token)
        run = self.up.ended(answer.json()["execution"], token=token)["node1"]
        self.assertEqual((run["state"], run["reason"]["code"]), ("refused", "account_expired"))

    def test_logging_out_ends_the_session_and_not_the_work(self):
        token = self.plain.token(self.up)
        execution = self.up.detached("run", "-n", "node1", "--shell", "--", "sleep 1; echo done", token=token)
        self.assertIn(self.up.http("POST", "logout", {}, token=token).status, (200, 204))
        self.assertEqual(self.up.http("GET", "whoami", token=token).status, 401)
        again = self.plain.token(self.up)
        self.assertEqual(self.up.ended(execution, token=again)["node1"]["state"], "exited")


def sorted_groups(line):
    """`id`'s line with its groups in order."""
    head, groups = line.split(b"groups=")
    return head, sorted(groups.split(b","))


if __name__ == "__main__":
    unittest.main()
