"""Profiles: what is placed by one, what is refused by name, and what goes on running; service names and who hears of them."""

import http.client
import io
import json
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import unittest
import urllib.error
import urllib.request
import zipfile

import estiba

HAS_TOMCAT = shutil.which("tomcat10-instance-create") and shutil.which("java")


def war(text, entries=("WEB-INF/web.xml",)):
    """A web application with one page."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("index.html", f"<!doctype html><title>{text}</title>")
        for entry in entries:
            archive.writestr(entry, '<web-app xmlns="https://jakarta.ee/xml/ns/jakartaee" version="6.0"/>')
    return packed.getvalue()


def processes(word):
    """Those whose environment or command line holds the word."""
    found = []
    for folder in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            if word.encode() in (folder / "cmdline").read_bytes() + (folder / "environ").read_bytes():
                found.append(int(folder.name))
        except OSError:
            pass
    return [pid for pid in found if pid != os.getpid()]


def end(word):
    """Ends what a deployment left running."""
    for pid in processes(word):
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
    estiba.wait_for(lambda: not processes(word), what=f"the end of {word}")


class Profiles(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.up = estiba.Up(nodes=2)
        cls.addClassCleanup(cls.up.stop)
        # All that a profile has left running has its files below this folder.
        cls.addClassCleanup(end, str(cls.up.folder / "nodes"))

    def home(self, node="node1"):
        return self.up.folder / "nodes" / node / "home" / "root"

    def deploy(self, name, content, profile, nodes=("node1",), **more):
        file = dict(blob=self.up.blob(content), name=name, profile=profile, overwrite=True, mode=0o755)
        request = {"nodes": list(nodes), "kind": "deploy", "files": [file], **more}
        answer = self.up.submit(request)
        self.assertEqual(answer.status, 202, answer.body)
        execution = answer.json()["execution"]
        return execution, self.up.ended(execution, seconds=150)

    def said(self, execution, node="node1", stream="stdout"):
        return self.up.http("GET", f"executions/{execution}/raw?node={node}&stream={stream}").body.decode()

    def services(self):
        return {(one["name"], one["node"]): one for one in self.up.http("GET", "services").json()["services"]}

    # Profiles without a server

    def test_a_node_says_which_profiles_it_has(self):
        node = self.up.http("GET", "nodes").json()["nodes"][0]
        offered = {one["name"]: one for one in node["profiles"]}
        self.assertEqual(set(offered), {"tomcat", "script-service"})
        self.assertEqual(offered["tomcat"]["match"], ["*.war"])
        self.assertTrue(all(one["says"] for one in offered.values()))

    def test_what_a_profile_does_not_take_is_refused_by_name(self):
        whole = war("x")
        cases = [
            ("a.war", b"no archive", "tomcat", "bad_archive", "its end is missing"),
            ("cut.war", whole[:-30], "tomcat", "bad_archive", "its end is missing"),
            ("torn.war", whole[40:], "tomcat", "bad_archive", "not a whole ZIP archive"),
            ("plain.war", war("x", ()), "tomcat", "bad_archive", "holds no WEB-INF/"),
            ("out.war", war("x", ("WEB-INF/web.xml", "../../.ssh/authorized_keys")), "tomcat", "bad_archive", "leads out"),
            ("a.jar", whole, "tomcat", "bad_name", "takes *.war"),
            ("a.war", whole, "tomcat-system", "unknown_profile", "it offers: script-service, tomcat"),
            ("a.war", whole, "nonsense", "unknown_profile", "no profile nonsense"),
        ]
        for name, content, profile, code, words in cases:
            with self.subTest(name=name, code=code):
                _, runs = self.deploy(name, content, profile)
                reason = runs["node1"]["reason"]
                self.assertEqual((runs["node1"]["state"], reason["code"]), ("refused", code), reason)
                self.assertIn(words, reason["sentence"])
                if code == "bad_archive":
                    self.assertTrue(reason["sentence"].startswith(name), reason)
        placed = {path.name for path in self.home().glob("tomcat/webapps/*")}
        self.assertFalse(placed & {name for name, *_ in cases})

    def test_a_profile_with_a_folder_is_refused_with_a_sentence(self):
        file = dict(blob=self.up.blob(b"x"), name="a.sh", profile="script-service", folder="elsewhere")
        answer = self.up.submit({"nodes": ["node1"], "kind": "deploy", "files": [file]})
        self.assertEqual((answer.status, answer.code), (400, "bad_request"))

    # A script as a service

    def test_a_script_lives_on_and_the_next_takes_its_place(self):
        def script(word):
            return f"#!/bin/sh\necho {word}\nwhile :; do sleep 1; done\n".encode()

        self.addCleanup(end, "services/lives.sh")
        execution, runs = self.deploy("lives.sh", script("first"), "script-service", service={"name": "A <b> & Söhne", "port": 8123})
        self.assertEqual((runs["node1"]["state"], runs["node1"].get("code")), ("exited", 0), self.said(execution, stream="stderr"))
        place = self.home() / "services"
        former = int((place / "lives.sh.pid").read_text())
        self.assertEqual((place / "lives.sh.log").read_text(), "first\n")
        self.assertIn(f"runs (pid {former})", self.said(execution))
        self.assertTrue(pathlib.Path(f"/proc/{former}").exists())

        found = self.services()["A <b> & Söhne", "node1"]
        self.assertEqual((found["execution"], found["permanent"], found["port"]), (execution, True, 8123))
        listed = self.up.estiba("services").stdout.decode()
        self.assertIn("A <b> & Söhne", listed)
        line = json.loads(self.up.estiba("services", "--json").stdout)
        self.assertEqual(line["name"], "A <b> & Söhne")

        execution, _ = self.deploy("lives.sh", script("second"), "script-service", service={"name": "A <b> & Söhne"})
        self.assertIn(f"ended the one before (pid {former})", self.said(execution))
        self.assertEqual((place / "lives.sh.log").read_text(), "second\n")
        estiba.wait_for(lambda: not pathlib.Path(f"/proc/{former}").exists(), what="the end of the former")
        self.assertEqual(self.services()["A <b> & Söhne", "node1"]["execution"], execution)

        # The worker's end is not the service's, nor that of its name.
        former_worker = self.up.kill("node1")
        estiba.wait_for(lambda: self.up.pids().get("node1", former_worker) != former_worker, what="the worker's return")
        # What it takes, it takes after its own word on what it has.
        self.assertEqual(self.up.outcome({"nodes": ["node1"], "command": {"shell": "true"}})["node1"]["code"], 0)
        self.assertIn(("A <b> & Söhne", "node1"), self.services())

        refused = self.up.estiba("services", "remove", "A <b> & Söhne", "-n", "node2")
        self.assertNotEqual(refused.returncode, 0)
        self.assertIn(b"node2 does not announce", refused.stderr)
        done = self.up.estiba("services", "remove", "A <b> & Söhne")
        self.assertEqual((done.returncode, done.stdout.decode()), (0, "node1: A <b> & Söhne removed\n"), done.stderr)
        self.assertNotIn(("A <b> & Söhne", "node1"), self.services())
        self.assertTrue(processes("services/lives.sh"))
        again = self.up.http("POST", "services/remove", {"name": "A <b> & Söhne"})
        self.assertEqual((again.status, again.code), (404, "unknown_service"))

    def test_a_script_that_ends_at_once_has_failed(self):
        execution, runs = self.deploy("falls.sh", b"#!/bin/sh\necho why >&2\nexit 3\n", "script-service")
        self.assertEqual((runs["node1"]["state"], runs["node1"].get("code")), ("exited", 1))
        self.assertIn("falls.sh has ended at once; it said:\nwhy\n", self.said(execution, stream="stderr"))

    def test_the_orders_own_command_comes_after_the_profile(self):
        self.addCleanup(end, "services/then.sh")
        execution, runs = self.deploy(
            "then.sh", b"#!/bin/sh\nexec sleep 1000\n", "script-service", command={"shell": "echo and then; exit 4"})
        self.assertEqual((runs["node1"]["state"], runs["node1"].get("code")), ("exited", 4))
        self.assertTrue(self.said(execution).endswith("and then\n"))

    # Names of runs

    def test_a_name_is_announced_while_its_run_lives(self):
        request = {
            "nodes": ["node1", "node2"], "command": {"shell": "sleep 1000"}, "service": {"name": "beats", "port": 9}}
        execution = self.up.submit(request).json()["execution"]
        estiba.wait_for(lambda: {("beats", "node1"), ("beats", "node2")} <= set(self.services()), what="the names")
        node = self.up.http("GET", "nodes").json()["nodes"][0]
        self.assertIn("beats", [one["name"] for one in node["services"]])
        self.assertEqual(self.up.http("POST", f"executions/{execution}/stop", {"nodes": ["node1"]}).status, 202)
        estiba.wait_for(lambda: ("beats", "node1") not in self.services(), what="the name's end")
        self.assertIn(("beats", "node2"), self.services())
        self.up.http("POST", f"executions/{execution}/stop")
        self.up.ended(execution)
        estiba.wait_for(lambda: ("beats", "node2") not in self.services(), what="the name's end")

    def test_a_user_has_so_many_names_on_a_node(self):
        request = {"nodes": ["node2"], "command": {"shell": "sleep 1000"}}
        executions = [self.up.submit({**request, "service": {"name": f"n{number}"}}).json()["execution"] for number in range(32)]
        estiba.wait_for(lambda: len(self.services()) >= 32, 30, "the names")
        runs = self.up.outcome({**request, "service": {"name": "one more"}})
        self.assertEqual(runs["node2"]["reason"]["code"], "too_many")
        for execution in executions:
            self.up.http("POST", f"executions/{execution}/stop", {"graceMilliseconds": 0})
        estiba.wait_for(lambda: not any(node == "node2" for _, node in self.services()), 30, "the end of all")

    def test_names_that_cannot_be_shown_are_refused(self):
        for name in ["", "x" * 41, "a\nb", "a\x1b[31m", " a", "\u202egnp"]:
            with self.subTest(name=name):
                answer = self.up.submit({"nodes": ["node1"], "command": {"shell": "true"}, "service": {"name": name}})
                self.assertEqual((answer.status, answer.code), (400, "bad_name"))

    @unittest.skipUnless(estiba.IS_ROOT, "other users' names want root")
    def test_another_user_sees_and_ends_nothing_of_it(self):
        account = estiba.Account()
        self.addCleanup(account.remove)
        token = account.token(self.up)
        request = {"nodes": ["node1"], "command": {"shell": "sleep 1000"}, "service": {"name": "mine"}}
        execution = self.up.submit(request).json()["execution"]
        estiba.wait_for(lambda: ("mine", "node1") in self.services(), what="the name")
        self.assertEqual(self.up.http("GET", "services", token=token).json(), {"services": []})
        for node in self.up.http("GET", "nodes", token=token).json()["nodes"]:
            self.assertNotIn("services", node)
        answer = self.up.http("POST", "services/remove", {"name": "mine"}, token=token)
        self.assertEqual((answer.status, answer.code), (404, "unknown_service"))
        self.assertIn(("mine", "node1"), self.services())
        self.up.http("POST", f"executions/{execution}/stop")
        self.up.ended(execution)

    # Tomcat

    @unittest.skipUnless(HAS_TOMCAT, "tomcat10-user and a JRE are not installed")
    def test_a_web_application_answers_and_the_next_takes_its_place(self):
        def page(port):
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/shop/", timeout=5) as answer:
                return answer.read().decode()

        execution, runs = self.deploy("shop.war", war("one"), "tomcat", service={"name": "shop"})
        said = self.said(execution)
        self.assertEqual((runs["node1"]["state"], runs["node1"].get("code")), ("exited", 0), said + self.said(execution, stream="stderr"))
        port = 10000 + os.getuid() % 10000
        self.assertTrue(said.endswith(f"shop.war answers at http://node1:{port}/shop/\n"), said)
        self.assertIn("<title>one</title>", page(port))
        found = self.services()["shop", "node1"]
        self.assertEqual((found["port"], found["permanent"]), (port, True))

        execution, runs = self.deploy("shop.war", war("two"), "tomcat", service={"name": "shop"})
        self.assertEqual(runs["node1"].get("code"), 0, self.said(execution, stream="stderr"))
        self.assertNotIn("starting", self.said(execution))
        self.assertIn("<title>two</title>", page(port))

        # Another node of this machine has another port, and what is spoilt never reaches the server.
        _, runs = self.deploy("shop.war", war("three")[:-5], "tomcat")
        self.assertEqual(runs["node1"]["reason"]["code"], "bad_archive")
        self.assertIn("<title>two</title>", page(port))

    @unittest.skipUnless(HAS_TOMCAT, "tomcat10-user and a JRE are not installed")
    def test_a_place_that_cannot_be_made_ready_says_why(self):
        (self.home("node2") / "tomcat").mkdir(parents=True)
        _, runs = self.deploy("shop.war", war("x"), "tomcat", nodes=["node2"])
        reason = runs["node2"]["reason"]
        self.assertEqual((runs["node2"]["state"], reason["code"]), ("refused", "prepare_failed"))
        self.assertIn("is no instance of Tomcat; move it away", reason["sentence"])
