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

    def deploy(self, name, content, profile, nodes=("node1",), token="", **more):
        # A blob belongs to who brought it.
        blob = self.up.http("POST", "blobs", content, token=token).json()["blob"]
        file = dict(blob=blob, name=name, profile=profile, overwrite=True, mode=0o755)
        request = {"nodes": list(nodes), "kind": "deploy", "files": [file], **more}
        answer = self.up.submit(request, token=token)
        self.assertEqual(answer.status, 202, answer.body)
        execution = answer.json()["execution"]
        return execution, self.up.ended(execution, seconds=150, token=token)

    def said(self, execution, node="node1", stream="stdout", token=""):
        return self.up.raw(execution, node, stream, token).decode()

    def services(self, token=""):
        found = self.up.http("GET", "services", token=token).json()["services"]
        return {(one["name"], one["node"]): one for one in found}

    def service(self, name, node, execution=None, token=""):
        """A name as soon as it is there; a run's states come by another lane and may be sooner."""
        def found():
            one = self.services(token).get((name, node))
            return one if one and execution in (None, one["execution"]) else None
        return estiba.wait_for(found, what=f"the name {name}")

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
        estiba.wait_for(lambda: (place / "lives.sh.log").read_text() == "first\n", what="its word")
        self.assertIn(f"runs (pid {former})", self.said(execution))
        self.assertTrue(pathlib.Path(f"/proc/{former}").exists())

        found = self.service("A <b> & Söhne", "node1", execution)
        self.assertEqual((found["permanent"], found["port"]), (True, 8123))
        listed = self.up.estiba("services").stdout.decode()
        self.assertIn("A <b> & Söhne", listed)
        line = json.loads(self.up.estiba("services", "--json").stdout)
        self.assertEqual(line["name"], "A <b> & Söhne")

        execution, _ = self.deploy("lives.sh", script("second"), "script-service", service={"name": "A <b> & Söhne"})
        self.assertIn(f"ended the one before (pid {former})", self.said(execution))
        estiba.wait_for(lambda: (place / "lives.sh.log").read_text() == "second\n", what="the next one's word")
        estiba.wait_for(lambda: not pathlib.Path(f"/proc/{former}").exists(), what="the end of the former")
        self.service("A <b> & Söhne", "node1", execution)

        # The worker's end is not the service's, nor that of its name.
        former_worker = self.up.kill("node1")
        estiba.wait_for(lambda: self.up.pids().get("node1", former_worker) != former_worker, what="the worker's return")
        # What it takes, it takes after its own word on what it has.
        self.assertEqual(self.up.outcome({"nodes": ["node1"], "command": {"shell": "true"}})["node1"]["code"], 0)
        self.service("A <b> & Söhne", "node1", execution)

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

    @unittest.skipUnless(estiba.IS_ROOT, "other users' processes want root")
    def test_what_lives_on_is_its_users_process_and_a_name_is_only_a_name(self):
        account = estiba.Account()
        self.addCleanup(account.remove)
        token = account.token(self.up)
        script = b"#!/bin/sh\nexec sleep 5432\n"
        for name in ["-n $(touch pwned) 'x'.sh", "plain.sh"]:
            with self.subTest(name=name):
                _, runs = self.deploy(name, script, "script-service", token=token)
                self.assertEqual((runs["node1"]["state"], runs["node1"].get("code")), ("exited", 0), runs)
                place = self.up.folder / "nodes/node1/home" / account.name / "services"
                self.assertEqual(set(os.listdir(place)) & {"pwned"}, set())
                pid = int((place / f"{name}.pid").read_text())
                self.assertEqual(os.stat(f"/proc/{pid}").st_uid, account.uid)
                os.kill(pid, signal.SIGKILL)
                self.assertEqual((place / name).stat().st_uid, account.uid)

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

        user, token, uid = "root", "", os.getuid()
        if estiba.IS_ROOT:
            account = estiba.Account()
            self.addCleanup(account.remove)
            user, token, uid = account.name, account.token(self.up), account.uid
        # Ended before its account is.
        self.addCleanup(end, f"home/{user}/tomcat")

        def deploy(content):
            execution, runs = self.deploy("shop.war", content, "tomcat", token=token, service={"name": "shop"})
            said = [self.said(execution, stream=stream, token=token) for stream in ("stdout", "stderr")]
            return runs["node1"], *said

        run, said, problem = deploy(war("one"))
        self.assertEqual((run["state"], run.get("code")), ("exited", 0), said + problem)
        port = 10000 + uid % 10000
        self.assertTrue(said.endswith(f"shop.war answers at http://node1:{port}/shop/\n"), said)
        self.assertIn("<title>one</title>", page(port))
        server = int((self.up.folder / "nodes/node1/home" / user / "tomcat/temp/catalina.pid").read_text())
        self.assertEqual(os.stat(f"/proc/{server}").st_uid, uid)
        found = self.service("shop", "node1", token=token)
        self.assertEqual((found["port"], found["permanent"]), (port, True))

        run, said, problem = deploy(war("two"))
        self.assertEqual(run.get("code"), 0, problem)
        self.assertNotIn("starting", said)
        self.assertIn("<title>two</title>", page(port))

        # What is spoilt never reaches the server.
        run, _, _ = deploy(war("three")[:-5])
        self.assertEqual(run["reason"]["code"], "bad_archive")
        self.assertIn("<title>two</title>", page(port))

    @unittest.skipUnless(HAS_TOMCAT, "tomcat10-user and a JRE are not installed")
    def test_a_place_that_cannot_be_made_ready_says_why(self):
        (self.home("node2") / "tomcat").mkdir(parents=True)
        _, runs = self.deploy("shop.war", war("x"), "tomcat", nodes=["node2"])
        reason = runs["node2"]["reason"]
        self.assertEqual((runs["node2"]["state"], reason["code"]), ("refused", "prepare_failed"))
        self.assertIn("is no instance of Tomcat; move it away", reason["sentence"])


OWN = {
    "given.yaml": """
says: gives the file to another account
match: ["*.txt"]
folder: PLACE/given
as: daemon
users: [root]
before: id -un >PLACE/before
""",
    "off.yaml": "says: is off\nfolder: PLACE/given\nas: daemon\n",
    "program.yaml": "says: takes programs\ncheck: elf\nfolder: PLACE/programs\n",
    "silent.yaml": """
says: waits for what never comes
folder: PLACE/silent
port: 1
waitFor: http://127.0.0.1:{port}/{stem}
within: 1s
""",
    "slow.yaml": "says: takes its time\nfolder: PLACE/slow\nafter: echo begun; sleep 4321\n",
    "failing.yaml": "says: fails\nfolder: PLACE/failing\nbefore: 'echo not today >&2; exit 3'\n",
    "late.yaml": "says: is late\nfolder: PLACE/late\nwithin: 1s\nbefore: sleep 4322\n",
}


@unittest.skipUnless(estiba.IS_ROOT, "files of other accounts want root")
class OwnProfiles(unittest.TestCase):
    """What an operator adds with nothing but YAML."""

    @classmethod
    def setUpClass(cls):
        cls.place = pathlib.Path(tempfile.mkdtemp(prefix="estiba-profiles-"))
        cls.addClassCleanup(shutil.rmtree, cls.place, ignore_errors=True)
        cls.place.chmod(0o777)
        (cls.place / "given").mkdir()
        shutil.chown(cls.place / "given", "daemon")
        profiles = cls.place / "profiles"
        profiles.mkdir(mode=0o755)
        for name, text in OWN.items():
            (profiles / name).write_text(text.replace("PLACE", str(cls.place)))
            (profiles / name).chmod(0o644)
        (profiles / "loose.yaml").write_text("says: others may write it\nfolder: x\n")
        (profiles / "loose.yaml").chmod(0o666)
        cls.up = estiba.Up(nodes=1)
        cls.addClassCleanup(cls.up.stop)
        settings = cls.up.folder / "node1.yaml"
        lines = [line for line in settings.read_text().splitlines() if not line.startswith("profiles:")]
        settings.write_text("\n".join([*lines, f"profiles: [{profiles}]", "avahi: none", ""]))
        cls.up.kill("node1")
        estiba.wait_for(lambda: "given" in cls.offered(), 20, "the profiles")

    @classmethod
    def offered(cls):
        node = cls.up.http("GET", "nodes").json()["nodes"][0]
        return {one["name"] for one in node.get("profiles", [])}

    def submit(self, name, content, profile, token=""):
        # A blob belongs to who brought it.
        blob = self.up.http("POST", "blobs", content, token=token).json()["blob"]
        file = dict(blob=blob, name=name, profile=profile, overwrite=True, mode=0o644)
        answer = self.up.submit({"nodes": ["node1"], "kind": "deploy", "files": [file]}, token=token)
        self.assertEqual(answer.status, 202, answer.body)
        return answer.json()["execution"]

    def run_of(self, *arguments, token=""):
        execution = self.submit(*arguments, token=token)
        return execution, self.up.ended(execution, token=token)["node1"]

    def test_only_those_that_make_sense_and_are_on_are_offered(self):
        self.assertEqual(self.offered(), {"given", "program", "silent", "slow", "failing", "late"})
        log = (self.up.folder / "log" / "node1.log").read_text()
        self.assertRegex(log, r"loose\.yaml: mode 0666 is too open.*profile left out")

    def test_a_file_becomes_the_named_accounts_for_those_who_may(self):
        _, run = self.run_of("a.txt", b"here", "given")
        self.assertEqual(run["state"], "placed", run)
        found = self.place / "given" / "a.txt"
        self.assertEqual((found.read_bytes(), found.owner()), (b"here", "daemon"))
        self.assertEqual((self.place / "before").read_text(), "daemon\n")
        account = estiba.Account()
        self.addCleanup(account.remove)
        _, run = self.run_of("b.txt", b"not", "given", token=account.token(self.up))
        self.assertEqual((run["state"], run["reason"]["code"]), ("refused", "not_permitted"))
        self.assertFalse((self.place / "given" / "b.txt").exists())

    def test_a_program_is_one_of_this_machine(self):
        _, run = self.run_of("sh", pathlib.Path("/bin/sh").read_bytes(), "program")
        self.assertEqual(run["state"], "placed", run)
        _, run = self.run_of("sh", b"#!/bin/sh\necho no program\n", "program")
        self.assertEqual(run["reason"], {"code": "bad_archive", "sentence": "sh is no ELF program."})

    def test_what_does_not_answer_is_said(self):
        execution, run = self.run_of("my app.war", b"x", "silent")
        self.assertEqual((run["state"], run.get("code")), ("exited", 1))
        said = self.up.raw(execution, stream="stderr").decode()
        self.assertEqual(said, "my app.war did not answer at http://node1:1/my%20app within 1 s (Connection refused)\n")

    def test_what_comes_after_is_stopped_as_any_command(self):
        execution = self.submit("x", b"x", "slow")
        said = lambda: self.up.http("GET", f"executions/{execution}/raw?node=node1&stream=stdout").body
        estiba.wait_for(lambda: said() == b"begun\n", what="the line")
        self.up.http("POST", f"executions/{execution}/stop", {"graceMilliseconds": 1000})
        run = self.up.ended(execution)["node1"]
        self.assertEqual((run["state"], run["remaining"]), ("stopped", 0))
        self.assertEqual([pid for pid in processes("sleep\0004321")], [])

    def test_a_place_that_is_not_made_ready_takes_nothing(self):
        _, run = self.run_of("x", b"x", "failing")
        self.assertEqual(run["reason"]["code"], "prepare_failed")
        self.assertIn("ended with code 3. It said: not today", run["reason"]["sentence"])
        _, run = self.run_of("x", b"x", "late")
        self.assertIn("had not ended after 1 s", run["reason"]["sentence"])
        self.assertEqual(processes("sleep\0004322"), [])
        self.assertFalse((self.place / "failing").exists() or (self.place / "late").exists())
