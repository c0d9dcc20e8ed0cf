"""A web application from the page into its user's own Tomcat, and one that is no archive refused by name."""

import os
import pathlib
import shutil
import signal
import tempfile
import unittest
import urllib.request
import zipfile

from console import Console
from world import account, installation

PATIENCE_SECONDS = 150


@unittest.skipUnless(os.geteuid() == 0 and shutil.which("tomcat10-instance-create") and shutil.which("java"),
                     "makes an account; wants tomcat10-user and a JRE")
class Tomcat(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.console = Console(installation().url)
        cls.addClassCleanup(cls.console.close)
        cls.console.open("#deploy")
        cls.console.log_in(account().name, account().password)
        cls.console.wait_until_in(account().name)

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.folder.chmod(0o755)

    def end_server(self):
        pid = installation().home("node1", account().name) / "tomcat/temp/catalina.pid"
        if pid.exists():
            os.kill(int(pid.read_text()), signal.SIGKILL)

    def deploy(self, path):
        self.console.open("#deploy")
        self.console.wait(lambda: len(self.console.find(".picker .cell")) == 3, "the nodes")
        field = self.console.wait_for("input[aria-label='Nodes as a node set']")
        field.clear()
        field.send_keys("node1")
        self.console.wait(lambda: self.console.nodes_chosen() == ["node1"], "one node chosen")
        self.console.drop(path)
        self.console.card(path.name)
        self.console.press("Use tomcat")
        self.console.send()

    def test_a_web_application_is_dropped_and_answers(self):
        self.addCleanup(self.end_server)
        war = self.folder / "hello.war"
        with zipfile.ZipFile(war, "w") as archive:
            archive.writestr("index.html", "<!doctype html><title>stowed</title>")
            archive.writestr("WEB-INF/web.xml", '<web-app xmlns="https://jakarta.ee/xml/ns/jakartaee" version="6.0"/>')
        self.deploy(war)
        self.console.wait_for_outcome({"node1": "exited 0"}, seconds=PATIENCE_SECONDS)
        self.console.picture("tomcat")
        port = 10000 + account().uid % 10000
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/hello/", timeout=5) as answer:
            self.assertIn("<title>stowed</title>", answer.read().decode())

        war.write_bytes(war.read_bytes()[:-9])
        self.deploy(war)
        self.console.wait(lambda: "hello.war is not a whole ZIP archive" in self.console.text(), "the refusal")
        self.console.picture("broken-war")
