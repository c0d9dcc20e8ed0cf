"""Output as it comes, as it stays, and as somebody hostile would like it."""

import os
import unittest

from console import Console
from world import account, installation

HOSTILE = (
    r"printf '<img src=x onerror=\"document.title=1\"><script>1</script> &amp;\n"
    r"\033[31mred\033[0m \033]0;title\007\033[2Jplain\n"
    r"bad \377\376 bytes\0nul\n\342\200\256turned\nno newline'"
)
TAMED = [
    '<img src=x onerror="document.title=1"><script>1</script> &amp;',
    "red plain",
    "bad \ufffd\ufffd bytes^@nul",
    "<U+202E>turned",
    "no newline",
]


@unittest.skipUnless(os.geteuid() == 0, "makes an account")
class Output(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.console = Console(installation().url)
        cls.addClassCleanup(cls.console.close)
        cls.console.open("#deploy")
        cls.console.log_in(account().name, account().password)
        cls.console.wait_until_in(account().name)

    def tearDown(self):
        self.assertEqual(self.console.complaints(), [])

    def test_lines_show_while_the_command_runs_and_a_stop_ends_it(self):
        self.console.run("echo started; exec sleep 600")
        self.console.wait_for_lines(3)
        self.console.wait_for_states("running")
        self.console.click("tr[data-node=node2] button")
        self.console.wait(lambda: self.console.states()["node2"] == "stopped", "node2 stopped")
        self.assertEqual([self.console.states()[node] for node in ("node1", "node3")], ["running", "running"])
        self.console.press("Stop")
        self.console.wait_for_states("stopped")

    def test_a_command_that_will_not_stop_is_said_to_be_killed_later(self):
        execution = self.console.ask({
            "nodes": ["node1"], "command": {"shell": "trap '' TERM; echo here; while :; do sleep 1; done"},
            "graceMilliseconds": 1500})
        self.console.open(f"#output/{execution}")
        self.console.wait_for_lines(1)
        self.console.press("Stop")
        self.console.wait_for_text("[role=status]", "Stopping all. What has not ended after 1.5 s is killed.")
        self.console.wait_for_states("stopped", nodes=1)
        self.console.wait_for_text("td.why", "0 processes left")
        self.console.wait(lambda: "Stopping" not in self.console.text(), "no more word of stopping")

    def test_a_state_and_a_stream_choose_what_is_shown(self):
        self.console.run("echo out; echo err >&2; case $ESTIBA_NODE in node2) exit 3;; esac")
        self.console.wait(lambda: self.console.states() == {"node1": "exited 0", "node2": "exited 3", "node3": "exited 0"}, "one exit code 3")
        self.console.wait_for_lines(6)
        self.console.press("1 exited 3")
        self.console.wait_for_lines(2)
        self.assertEqual(sorted(self.console.lines()), [["node2", "stderr", "err"], ["node2", "stdout", "out"]])
        self.console.press("stdout")
        self.console.wait_for_lines(1)
        self.assertEqual(self.console.lines(), [["node2", "stderr", "err"]])
        self.console.press("1 exited 3")
        self.console.wait_for_lines(3)

    def test_a_reload_shows_the_same_text(self):
        self.console.run("for i in $(seq 40); do echo \"line $i\"; echo \"error $i\" >&2; done")
        self.console.wait_for_states("exited 0")
        self.console.wait_for_lines(240)
        before = self.console.lines()
        self.assertEqual(len(before), 240)
        self.console.driver.refresh()
        self.console.wait_for_lines(240)
        self.assertEqual(self.console.lines(), before)

    def test_hostile_output_is_text_and_nothing_else(self):
        self.console.run(HOSTILE)
        self.console.wait_for_states("exited 0")
        self.console.wait_for_lines(15)
        lines = self.console.lines()
        for node in ("node1", "node2", "node3"):
            self.assertEqual([text for name, _, text in lines if name == node], TAMED)
        self.assertEqual(self.console.find(".viewer img, .viewer script, .viewer b"), [])
        self.assertEqual(self.console.text_of(".viewer .ink-red"), "red")
        self.assertNotEqual(self.console.driver.title, "1")

    def test_a_long_output_keeps_few_elements_and_scrolls_to_both_ends(self):
        self.console.run("seq 333334")
        self.console.wait_for_states("exited 0", seconds=60)
        self.console.wait_for_lines(1_000_002, seconds=60)
        self.assertLess(len(self.console.find(".viewer .line")), 150)
        self.console.driver.execute_script("document.querySelector('.viewer').scrollTop = 0")
        self.assertEqual(self.console.text_of(".line[data-line='1']:not(.coming) .text"), "1")
        self.console.driver.execute_script("document.querySelector('.viewer').scrollTop = 1e9")
        self.assertEqual(self.console.text_of(".line[data-line='1000002']:not(.coming) .text"), "333334")

    def test_a_line_of_64_MiB_is_one_line_cut(self):
        self.console.run("[ $ESTIBA_NODE != node1 ] || head -c 67108864 /dev/zero | tr '\\0' x; echo end >&2")
        self.console.wait_for_states("exited 0", seconds=60)
        self.console.wait_for_lines(4, seconds=60)
        self.console.wait(lambda: self.console.find(".line[data-line='4'] .rest"), "the line without an end, last and cut")
        self.assertEqual(len(self.console.text_of(".line[data-line='4'] .text")), 8192)

    def test_a_node_that_goes_away_is_said_and_what_it_wrote_meanwhile_comes_after(self):
        self.console.run("for i in $(seq 1000); do echo \"$i\"; sleep 0.1; done")
        self.console.wait_for_states("running")
        with installation().halted("node2"):
            self.console.wait_for("tr[data-node=node2] .state[data-tone=away]")
            self.console.wait_for(".plan .cell[data-node=node2][data-tone=away]")
            self.console.wait_for_text(".chip", "1 away")
            self.console.wait_for_text("#nodes", "2 of 3 nodes")
        self.console.wait_for_states("running")
        self.console.wait_for_text("#nodes", "3 of 3 nodes")
        self.console.press("Stop")
        self.console.wait_for_states("stopped")
        self.console.wait(lambda: "still coming" not in self.console.text(), "the last of the output")
        for node in ("node1", "node2", "node3"):
            texts = [text for name, _, text in self.console.lines() if name == node]
            self.assertEqual(texts, [str(i) for i in range(1, len(texts) + 1)])
            self.assertGreater(len(texts), 10)

    def test_a_gateway_that_dies_is_said_and_nothing_is_lost_or_doubled(self):
        self.console.run("for i in $(seq 200); do echo \"line $i\"; sleep 0.05; done")
        self.console.wait_for("tr[data-state=running]")
        installation().kill("gateway")
        self.console.wait_for_text("#banner", "Lost the gateway")
        self.console.wait_until_gone("#banner", "the gateway to be back", 60)
        self.console.wait_for_states("exited 0", seconds=60)
        self.console.wait_for_lines(600, seconds=60)
        lines = self.console.lines()
        for node in ("node1", "node2", "node3"):
            self.assertEqual([text for name, _, text in lines if name == node], [f"line {i}" for i in range(1, 201)])
        self.console.driver.get_log("browser")

    def test_an_execution_that_is_not_there_is_said(self):
        self.console.open("#output/00000000000000000000000000")
        self.console.wait_for_text("h1", "There is no such execution")

    def test_history_has_what_ran_and_opens_it(self):
        execution = self.console.run("echo remembered")
        self.console.wait_for_states("exited 0")
        self.console.go("history")
        self.console.click(f"a[href='#output/{execution}']")
        self.console.wait_for_lines(3)

    def test_every_control_has_a_name_for_a_screen_reader(self):
        execution = self.console.run("echo named")
        self.console.wait_for_states("exited 0")
        for screen in ("deploy", "shell", "status", "history", f"output/{execution}"):
            self.console.open(f"#{screen}")
            self.console.wait(lambda: len(self.console.find("main .cell, main tr a")) >= 1, f"{screen} to be drawn")
            controls = self.console.controls()
            self.assertGreater(len(controls), 8, screen)
            self.assertEqual([role for role, name in controls if not name], [], screen)

    def test_a_phone_sees_it_all_without_scrolling_sideways(self):
        execution = self.console.run("echo narrow")
        self.console.wait_for_states("exited 0")
        self.addCleanup(self.console.driver.execute_cdp_cmd, "Emulation.clearDeviceMetricsOverride", {})
        self.console.resize(390, 844, mobile=True)
        for screen in ("deploy", "shell", "status", "history", f"output/{execution}"):
            self.console.open(f"#{screen}")
            self.console.wait_for("main > *")
            self.console.picture(f"phone-{screen.split('/')[0]}")
            width = self.console.driver.execute_script("return document.documentElement.scrollWidth")
            self.assertLessEqual(width, 390, screen)
