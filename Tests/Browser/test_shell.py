"""The Shell screen: one command after another, the arrow keys, stopping."""

import os
import unittest

from selenium.webdriver.common.keys import Keys

from console import Console
from world import account, installation


@unittest.skipUnless(os.geteuid() == 0, "makes an account")
class Shell(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.console = Console(installation().url)
        cls.addClassCleanup(cls.console.close)
        cls.console.open("#shell")
        cls.console.log_in(account().name, account().password)
        cls.console.wait_until_in(account().name)

    def setUp(self):
        self.console.open("#shell")
        self.console.wait(lambda: len(self.console.find(".picker .cell")) == 3, "three nodes")

    def tearDown(self):
        self.assertEqual(self.console.complaints(), [])

    def line(self):
        return self.console.wait_for("input[aria-label=Command]")

    def choose(self, nodes):
        field = self.console.wait_for("input[aria-label='Nodes as a node set']")
        field.clear()
        field.send_keys(nodes)

    def type(self, command):
        count = len(self.entries())
        self.line().send_keys(command, Keys.ENTER)
        self.console.wait(lambda: len(self.entries()) == count + 1, f"{command} in the list")

    def entries(self):
        return self.console.find(".past > li")

    def titles(self):
        return self.console.texts(".past > li summary .mono")

    def chips(self, entry):
        return self.console.texts(f".past > li:nth-child({entry + 1}) summary .chip")

    def test_commands_one_after_another_the_newest_first_with_its_output(self):
        self.choose("node[1-2]")
        self.console.wait_for_text("button.primary", "Run on 2 nodes")
        self.type("echo one $ESTIBA_NODE")
        self.console.wait_for_lines(2)
        self.assertEqual(sorted(text for _, _, text in self.console.lines()), ["one node1", "one node2"])
        self.type("echo two; exit 3")
        self.console.wait(lambda: self.chips(0) == ["2 failed"], "two failures")
        self.assertEqual(self.titles(), ["echo two; exit 3", "echo one $ESTIBA_NODE"])
        self.console.wait(lambda: self.chips(1) == ["2 exited 0"], "two ends")
        # What is folded holds no output; unfolded it comes again.
        self.assertEqual(len(self.console.find(".viewer")), 1)
        self.console.driver.execute_script("arguments[0].click()", self.entries()[1].find_element("css selector", "summary"))
        self.console.wait(lambda: "one node1" in self.console.texts(".past > li:nth-child(2)")[0], "the first one's output")
        self.console.picture("shell-wide")
        self.console.go("history")
        self.console.go("shell")
        self.console.wait(lambda: self.titles() == ["echo two; exit 3", "echo one $ESTIBA_NODE"], "both still there")

    def test_the_arrow_keys_bring_back_commands_also_after_a_reload(self):
        self.choose("node1")
        self.type("echo first")
        self.type("echo second")
        self.console.open("#shell")
        self.line().send_keys("begun", Keys.ARROW_UP, Keys.ARROW_UP)
        self.assertEqual(self.line().get_attribute("value"), "echo first")
        self.line().send_keys(Keys.ARROW_DOWN, Keys.ARROW_DOWN)
        self.assertEqual(self.line().get_attribute("value"), "begun")

    def test_one_is_stopped_and_then_all_of_mine_on_a_node(self):
        self.choose("node[1-2]")
        self.type("exec sleep 600")
        self.console.wait_for_states("running", nodes=2)
        self.type("sleep 601; echo never")
        self.console.wait_for_states("running", nodes=2)
        self.console.click("tr[data-node=node2] button")
        self.console.wait(lambda: self.console.states()["node2"] == "stopped", "node2 stopped")
        self.choose("node1")
        self.console.press("Stop all mine on 1 node")
        self.console.wait_for_text(".stop-mine", "Everything you run on node1 ends.")
        self.console.press("Stop them")
        self.console.wait_for_text(".stop-mine", "Stopping 2 runs.")
        self.console.wait(lambda: self.console.states()["node1"] == "stopped", "node1 stopped")
        self.console.wait(lambda: self.chips(1) == ["1 running", "1 stopped"], "the other's states")
        self.choose("node2")
        self.console.press("Stop all mine on 1 node")
        self.console.press("Stop them")
        self.console.wait(lambda: self.chips(1) == ["2 stopped"], "the end of all")
        self.console.resize(390, 844, mobile=True)
        self.addCleanup(self.console.driver.execute_cdp_cmd, "Emulation.clearDeviceMetricsOverride", {})
        self.console.picture("shell-phone")
        self.assertLessEqual(self.console.driver.execute_script("return document.documentElement.scrollWidth"), 390)

    def test_a_refusal_is_said_and_the_line_stays(self):
        self.choose("node1")
        self.console.click(".under .tick")
        self.line().send_keys("echo 'open", Keys.ENTER)
        self.console.text_of("p.problem[role=alert]")
        self.assertEqual(self.line().get_attribute("value"), "echo 'open")
