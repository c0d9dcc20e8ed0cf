"""Choosing nodes, files and a command, as a real account."""

import os
import pathlib
import tempfile
import unittest

from console import Console
from world import account, installation

SCRIPT = "#!/bin/sh\necho \"hello from $ESTIBA_NODE\"\nid -un\necho careful >&2\nexit 3\n"


@unittest.skipUnless(os.geteuid() == 0, "makes an account")
class Deploy(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.console = Console(installation().url)
        cls.addClassCleanup(cls.console.close)
        cls.console.open("#deploy")
        cls.console.log_in(account().name, account().password)
        cls.console.wait_until_in(account().name)

    def setUp(self):
        self.console.open("#deploy")
        self.console.wait(lambda: len(self.console.find(".picker .cell")) == 3, "three nodes")

    def tearDown(self):
        self.assertEqual(self.console.complaints(), [])

    def add_file(self, name, text):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        path = pathlib.Path(folder.name) / name
        path.write_text(text)
        self.console.type_into("#files", str(path))
        self.console.wait_for(f".card-file[aria-label='{name}']")

    def test_a_script_goes_to_three_nodes_and_its_lines_and_exit_codes_come_back(self):
        self.add_file("hello.sh", SCRIPT)
        self.assertEqual(self.console.field("Mode").get_attribute("value"), "0755")
        self.console.field("Command").send_keys("./hello.sh")
        self.console.choose_all()
        self.console.wait_for_text(".sentence", f"Place hello.sh, then run ./hello.sh on 3 nodes as {account().name}.")
        self.console.picture("deploy")
        self.console.send()
        self.console.wait_until_sent()
        self.console.wait_for_states("exited 3")
        self.console.wait_for_lines(9)
        lines = self.console.lines()
        for node in ("node1", "node2", "node3"):
            mine = [line for line in lines if line[0] == node]
            self.assertEqual([text for _, stream, text in mine if stream == "stdout"], [f"hello from {node}", account().name])
            self.assertEqual([text for _, stream, text in mine if stream == "stderr"], ["careful"])
        self.assertTrue(any("stderr" in mark.get_attribute("textContent") for mark in self.console.find(".line.err .stream")))
        self.console.picture("output")

    def test_a_file_that_cannot_be_started_gets_0644_and_is_placed_without_a_command(self):
        self.add_file("notes with spaces.txt", "words\n")
        self.assertEqual(self.console.field("Mode").get_attribute("value"), "0644")
        folder = self.console.field("Folder")
        folder.clear()
        folder.send_keys("made/for this")
        self.console.choose_all()
        self.console.send()
        self.console.wait_until_sent()
        self.console.wait_for_states("placed")
        self.console.run("cat 'made/for this/notes with spaces.txt'; stat -c %a made/for*/*")
        self.console.wait_for_states("exited 0")
        self.console.wait_for_lines(6)
        self.assertEqual({text for _, _, text in self.console.lines()}, {"words", "644"})

    def test_run_again_gives_the_same_request_to_be_sent_once_more(self):
        self.add_file("again.sh", "#!/bin/sh\necho again\n")
        self.console.field("Command").send_keys("./again.sh")
        self.console.choose_all()
        self.console.send()
        first = self.console.wait_until_sent()
        self.console.wait_for_states("exited 0")
        self.console.press("Run again")
        self.console.wait_for(".card-file[aria-label='again.sh']")
        self.console.wait(lambda: self.console.field("Command").get_attribute("value") == "./again.sh", "the command")
        self.console.send()
        self.assertNotEqual(self.console.wait_until_sent(), first)
        self.console.wait_for_states("exited 0")
        self.console.wait_for_lines(3)

    def test_run_again_takes_over_what_the_form_does_not_show(self):
        execution = self.console.ask({
            "nodes": ["node3", "node1"], "command": {"shell": "echo $ANSWER in $PWD"}, "folder": "/tmp",
            "environment": {"ANSWER": "42"}, "timeoutMilliseconds": 90_000, "memoryBytes": 512 << 20, "processes": 50})
        self.console.open(f"#deploy/{execution}")
        self.console.wait_for_text(".go", "Run echo $ANSWER in $PWD on 2 nodes")
        self.console.wait_for_text(".go", "It runs in /tmp. ANSWER set as before.")
        self.assertEqual(self.console.nodes_chosen(), ["node1", "node3"])
        for label, value in [
                ("Stop it after this many seconds", "90"), ("End it beyond this many MiB of memory on a node", "512"),
                ("End it beyond this many processes on a node", "50")]:
            self.assertEqual(self.console.field(label).get_attribute("value"), value)
        self.console.send()
        self.console.wait_until_sent()
        self.console.wait_for_states("exited 0", nodes=2)
        self.console.wait_for_lines(2)
        self.assertEqual({text for _, _, text in self.console.lines()}, {"42 in /tmp"})

    def test_nodes_are_chosen_by_a_node_set_by_the_mouse_and_by_the_keyboard(self):
        line = self.console.find(".picker input")[0]
        line.send_keys("node[1-2]!node1")
        self.console.wait(lambda: self.console.nodes_chosen() == ["node2"], "node2 chosen")
        self.console.click(".cell[data-node=node3]")
        self.assertEqual(line.get_attribute("value"), "node[2-3]")
        self.console.type_into(".cell[data-node=node3]", "\ue012", " ")
        self.assertEqual(self.console.nodes_chosen(), ["node3"])
        line.clear()
        line.send_keys("node9")
        self.console.wait_for_text(".picker .note", "There is no node called node9.")
        self.assertEqual(self.console.nodes_chosen(), [])

    def test_a_command_that_is_not_there_says_so_for_every_node(self):
        self.console.run("no-such-program --now", shell=False)
        self.console.wait_for_states("refused")
        self.console.wait(lambda: len(list(filter(None, self.console.texts("td.why")))) == 3, "the reason for each")

    def test_a_quote_left_open_is_said_on_the_form_and_nothing_is_lost(self):
        self.console.choose_all()
        self.console.field("Command").send_keys("echo 'half")
        self.console.send()
        self.console.wait_for("form > div > .problem")
        self.assertEqual(self.console.fragment(), "#deploy")
        self.assertEqual(self.console.field("Command").get_attribute("value"), "echo 'half")
