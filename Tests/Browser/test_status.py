"""The Status screen: figures that move, a panel a node, what is away; and nothing asked for while nobody looks."""

import os
import unittest

from console import Console
from world import account, installation

# What the page asks for on its live connection, from the next load on.
SPY = """
const send = WebSocket.prototype.send;
globalThis.asked = [];
WebSocket.prototype.send = function (data) { globalThis.asked.push(JSON.parse(data)); return send.call(this, data); };
"""
# As a browser does when another tab is chosen.
HIDE = """
Object.defineProperty(document, "hidden", { configurable: true, get: () => arguments[0] });
document.dispatchEvent(new Event("visibilitychange"));
"""
# In one step: they are drawn anew at any time.
READ_FACTS = """
const texts = (tag) => [...document.querySelectorAll(`[data-panel=${arguments[0]}] ${tag}`)].map((part) => part.textContent);
const values = texts("dd");
return Object.fromEntries(texts("dt").map((term, index) => [term, values[index]]));
"""


@unittest.skipUnless(os.geteuid() == 0, "makes an account")
class Status(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.console = Console(installation().url)
        cls.addClassCleanup(cls.console.close)
        cls.console.driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": SPY})
        cls.console.open("#status")
        cls.console.log_in(account().name, account().password)
        cls.console.wait_until_in(account().name)

    def setUp(self):
        self.console.open("#status")
        self.console.wait(lambda: len(self.panels()) == 3, "three panels with figures")

    def tearDown(self):
        self.assertEqual(self.console.complaints(), [])

    def panels(self):
        return [panel for panel in self.console.find(".panel") if panel.find_element("css selector", ".figures").is_displayed()]

    def asked(self, kind):
        return [m for m in self.console.driver.execute_script("return globalThis.asked") if m["type"] == kind]

    def value(self, figure, node="node1"):
        return self.console.text_of(f"[data-panel={node}] [data-figure={figure}] span.value")

    def facts(self, node="node1"):
        return self.console.driver.execute_script(READ_FACTS, node)

    def test_a_panel_has_every_figure_and_they_move(self):
        self.assertEqual([panel.get_attribute("data-panel") for panel in self.panels()], ["node1", "node2", "node3"])
        self.assertRegex(self.value("cpu"), r"^\d+ % · (no sensor|\d+ °C)$")
        self.assertRegex(self.value("load"), r"^\d+\.\d\d · \d+\.\d\d · \d+\.\d\d$")
        self.assertRegex(self.value("memory"), r"GiB used · .* cache · .* free$")
        has_swap = len(open("/proc/swaps").readlines()) > 1
        self.assertIn("GiB of" if has_swap else "no swap", self.value("swap"))
        self.assertRegex(self.value("network"), r"↓ .*B/s +↑ .*B/s$")
        self.assertEqual(len(self.console.find("[data-panel=node1] .cores span")), os.cpu_count())
        self.assertTrue(1 <= len(self.console.find("[data-panel=node1] .busiest tbody tr")) <= 10)
        self.assertIn("free", self.console.text_of("[data-panel=node1] .disks"))
        facts = self.facts()
        self.assertEqual(facts["kernel"], os.uname().release)
        self.assertIn("right within 2 s", facts["its time"])
        before = facts["its time"]
        self.console.wait(lambda: self.facts()["its time"] != before, "the next figures")
        self.assertEqual(len(self.console.find(".panel canvas")), 6)
        drawn = "const c = document.querySelector('.panel canvas'); return c.getContext('2d').getImageData(0, 0, c.width, c.height).data.some((v) => v > 0)"
        self.console.wait(lambda: self.console.driver.execute_script(drawn), "a line in the sparkline")
        for name, size in (("wide", (1280, 1000)), ("phone", (390, 844))):
            self.console.resize(*size, mobile=name == "phone")
            self.console.picture(f"status-{name}")
            width = self.console.driver.execute_script("return document.documentElement.scrollWidth")
            self.assertLessEqual(width, size[0])
        self.console.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})

    def test_only_while_the_tab_is_seen_and_only_the_chosen(self):
        self.assertEqual([m["nodes"] for m in self.asked("watch-status")], [["node1", "node2", "node3"]])
        self.console.driver.execute_script(HIDE, True)
        self.assertEqual(len(self.asked("unwatch")), 1)
        before = self.facts()["its time"]
        self.console.driver.execute_script(HIDE, False)
        self.assertEqual(len(self.asked("watch-status")), 2)
        self.console.wait(lambda: self.facts()["its time"] != before, "figures again")
        self.console.click(".plan .cell[data-node=node2]")
        self.console.wait(lambda: [p.get_attribute("data-panel") for p in self.panels()] == ["node2"], "node2 alone")
        newest = self.asked("watch-status")[-2:]
        self.assertEqual([m.get("nodes") for m in newest], [["node2"], None])
        self.assertTrue(newest[1]["brief"])
        self.console.go("history")
        self.console.wait(lambda: len(self.asked("watch-status")) == len(self.asked("unwatch")), "nothing watched any more")

    def test_a_node_that_is_away_says_since_when_and_comes_back(self):
        with installation().halted("node3"):
            self.console.wait_for_text("[data-panel=node3] .state", "away since")
            self.console.wait_for(".plan .cell[data-node=node3][data-tone=away]")
            self.console.wait_for_text("[data-panel=node3] p", "Its runs are kept")
            self.console.picture("status-away")
        self.console.wait(lambda: "away" not in self.console.texts("[data-panel=node3] .state")[0], "node3 back")
        before = self.facts("node3").get("its time")
        self.console.wait(lambda: self.facts("node3").get("its time") != before, "figures of node3 again")

    def test_a_gateway_that_dies_is_gone_on_with(self):
        installation().kill("gateway")
        self.console.wait_for_text("#banner", "Lost the gateway")
        self.console.wait_until_gone("#banner", "the gateway to be back", 60)
        before = self.facts()["its time"]
        self.console.wait(lambda: self.facts()["its time"] != before, "figures again")
        self.console.driver.get_log("browser")

    def test_dark_is_dark(self):
        media = {"features": [{"name": "prefers-color-scheme", "value": "dark"}]}
        self.console.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
        self.addCleanup(self.console.driver.execute_cdp_cmd, "Emulation.setEmulatedMedia", {"features": []})
        colour = "return getComputedStyle(document.querySelector('.panel')).backgroundColor"
        self.console.wait(lambda: self.console.driver.execute_script(colour) == "rgb(24, 32, 38)", "a dark panel")
        self.console.picture("status-dark")
