"""Many files and folders from the Deploy screen: what is dropped, sent, cut, placed and told."""

import os
import pathlib
import re
import tempfile
import unittest

from console import Console
from world import account, installation

NODES = ("node1", "node2", "node3")
SCRIPT = "#!/bin/sh\necho \"$0 on $ESTIBA_NODE in $PWD\"\n"
HOSTILE = "<img src=x onerror=\"document.title=1\">'$(id) &amp;.txt"

# Three files as a page's own script may make them.
DROP_MADE = """
const transfer = new DataTransfer();
for (const [name, text] of arguments[0]) transfer.items.add(new File([text], name));
const place = document.querySelector(".drop");
for (const type of ["dragenter", "dragover", "drop"])
    place.dispatchEvent(new DragEvent(type, { dataTransfer: transfer, bubbles: true, cancelable: true }));
"""
# Every upload that goes on, and where: what a page sends again shows here.
RECORD_OFFSETS = """
window.offsets = [];
window.sentBytes = 0;
const send = XMLHttpRequest.prototype.send;
XMLHttpRequest.prototype.send = function (body) {
    window.sentBytes += body?.size ?? body?.byteLength ?? 0;
    send.apply(this, arguments);
};
const open = XMLHttpRequest.prototype.open;
XMLHttpRequest.prototype.open = function (method, address) {
    const match = /offset=(\\d+)/.exec(address);
    if (match) window.offsets.push(Number(match[1]));
    open.apply(this, arguments);
};
"""
# Every word that was ever in a cell.
RECORD_WORDS = """
window.words = new Set();
new MutationObserver((changes) => changes.forEach(({ target }) => window.words.add(target.ariaLabel)))
    .observe(document.querySelector("main"), { subtree: true, attributeFilter: ["aria-label"] });
"""
SERVICE = "#!/bin/sh\necho $$ > alive-$ESTIBA_NODE\nexec sleep 300\n"


def everywhere(words):
    return {node: words for node in NODES}


@unittest.skipUnless(os.geteuid() == 0, "makes an account")
class Files(unittest.TestCase):
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
        self.console.open("#deploy")
        self.console.choose_all()

    def tearDown(self):
        self.assertEqual(self.console.complaints(), [])

    def home(self, node="node1"):
        return installation().home(node, account().name)

    def cards(self):
        return [card.get_attribute("aria-label") for card in self.console.find(".card-file")]

    def made(self, name, text=SCRIPT, mode=0o644):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(mode)
        return path

    def own_command(self, name, command):
        self.console.field_of(self.console.card(name), "Its own command").send_keys(command)

    def test_three_dropped_files_each_with_its_own_command_run_on_three_nodes(self):
        self.console.driver.execute_script(DROP_MADE, [[name, SCRIPT] for name in ("one.sh", "two.sh", "three.sh")])
        self.console.wait(lambda: self.cards() == ["one.sh", "two.sh", "three.sh"], "three cards")
        for name in self.cards():
            self.own_command(name, f"./{name} now")
        self.console.wait_for_text(".sentence", "Place one.sh, two.sh, three.sh, each with its own command on 3 nodes")
        self.console.send()
        self.console.wait(lambda: len(self.console.find(".outcome")) == 3, "three results")
        for number in range(3):
            self.console.wait_for_outcome(everywhere("exited 0"), number)
        self.console.wait_for_text(".result .sentence", "All 9 runs ended, none failed.")
        self.console.picture("three-files")
        ids = [e.get_attribute("data-execution") for e in self.console.find(".outcome")]
        for name, execution in zip(("one.sh", "two.sh", "three.sh"), ids):
            self.console.open(f"#output/{execution}")
            self.console.wait_for_lines(3)
            expected = {f"./{name} on {node} in {self.home(node)}" for node in NODES}
            self.assertEqual({text for _, _, text in self.console.lines()}, expected)

    def test_a_dropped_folder_arrives_whole_and_its_command_runs_in_it(self):
        self.made("agent/start.sh")
        self.made("agent/etc/deep/ö conf.ini", "key = value\n")
        (self.folder / "agent" / "empty").mkdir()
        large = os.urandom(3 << 20)
        (self.folder / "agent" / "large.bin").write_bytes(large)
        self.console.drop(self.folder / "agent")
        card = self.console.card("agent")
        self.console.wait(lambda: "3 files" in card.text, "the folder to be read")
        folder = self.console.field_of(card, "Folder")
        folder.clear()
        folder.send_keys("apps")
        self.own_command("agent", "sh -c 'pwd; ./start.sh; ls -d empty; cat etc/deep/*; sha256sum < large.bin'")
        self.console.send()
        self.console.wait_for_outcome(everywhere("exited 0"))
        placed = self.home() / "apps" / "agent"
        self.assertEqual((placed / "large.bin").read_bytes(), large)
        self.assertEqual((placed / "etc" / "deep" / "ö conf.ini").read_text(), "key = value\n")
        self.assertTrue((placed / "empty").is_dir())
        self.assertEqual((placed / "start.sh").stat().st_mode & 0o777, 0o755)
        self.assertEqual((placed / "etc" / "deep" / "ö conf.ini").stat().st_mode & 0o777, 0o644)

    def test_a_folder_can_be_chosen_instead_of_dropped(self):
        self.made("chosen/a/b.txt", "b")
        self.console.type_into("#folder", str(self.folder / "chosen"))
        card = self.console.card("chosen")
        self.console.wait(lambda: "1 file" in card.text, "the folder to be read")
        self.console.send()
        self.console.wait_for_outcome(everywhere("placed"))
        self.assertEqual((self.home() / "chosen" / "a" / "b.txt").read_text(), "b")

    def test_a_name_made_to_harm_is_text_wherever_it_stands(self):
        self.console.driver.execute_script(DROP_MADE, [[HOSTILE, "harmless\n"]])
        self.console.wait(lambda: self.cards() == [HOSTILE], "the card")
        self.console.wait_for_text(".sentence", f"Place {HOSTILE} on 3 nodes")
        self.console.send()
        self.console.wait_for_outcome(everywhere("placed"))
        self.console.wait_for_text(".outcome b", HOSTILE)
        self.assertEqual(self.console.find("main img"), [])
        self.assertNotEqual(self.console.driver.title, "1")
        self.assertEqual((self.home() / HOSTILE).read_text(), "harmless\n")

    def test_an_upload_that_loses_its_gateway_goes_on_where_it_was(self):
        path = self.folder / "big.bin"
        with open(path, "wb") as file:
            for _ in range(96):
                file.write(os.urandom(1 << 20))
        self.console.driver.execute_script(RECORD_OFFSETS)
        self.console.driver.execute_script(RECORD_WORDS)
        self.console.type_into("#files", str(path))
        self.console.card("big.bin")
        self.slow_down(24 << 20)
        self.console.send()
        offsets = lambda: self.console.driver.execute_script("return window.offsets")
        self.console.wait(lambda: len(offsets()) >= 2, "the second piece to begin")
        self.console.wait_for_text(".sending .note", "left")
        self.console.picture("uploading")
        installation().kill("gateway")
        self.console.wait_for_text(".card-file .note", "lost the gateway")
        self.slow_down(-1)
        self.console.wait_for_outcome(everywhere("placed"), seconds=90)
        self.assertGreater(min(offsets()[1:]), 0, "the first piece was sent again")
        self.assertEqual((self.home() / "big.bin").read_bytes(), path.read_bytes())
        words = self.console.driver.execute_script("return [...window.words]")
        self.assertTrue(any(re.search(r"fetching \d+ %", word or "") for word in words), words)
        self.console.driver.get_log("browser")

    def test_a_page_that_is_loaded_anew_goes_on_with_the_same_file(self):
        path = self.folder / "again.bin"
        path.write_bytes(os.urandom(48 << 20))
        self.console.driver.execute_script(RECORD_OFFSETS)
        self.console.type_into("#files", str(path))
        self.console.card("again.bin")
        self.slow_down(16 << 20)
        self.console.send()
        offsets = lambda: self.console.driver.execute_script("return window.offsets")
        self.console.wait(lambda: len(offsets()) >= 2, "the second piece to begin")
        self.console.open("#deploy")
        self.slow_down(-1)
        self.console.choose_all()
        self.console.driver.execute_script(RECORD_OFFSETS)
        self.console.type_into("#files", str(path))
        self.console.card("again.bin")
        self.console.send()
        self.console.wait_for_outcome(everywhere("placed"), seconds=60)
        self.assertGreater(min(offsets()), 0, "it began anew")
        self.assertEqual((self.home() / "again.bin").read_bytes(), path.read_bytes())

    def test_of_a_file_that_was_deployed_before_only_what_has_changed_is_sent(self):
        path = self.folder / "nearly.bin"
        content = bytearray(os.urandom(20 << 20))
        for turn in range(2):
            path.write_bytes(content)
            self.console.open("#deploy")
            self.console.choose_all()
            self.console.driver.execute_script(RECORD_OFFSETS)
            self.console.type_into("#files", str(path))
            self.console.card("nearly.bin")
            self.console.send()
            self.console.wait_for_outcome(everywhere("placed"), seconds=60)
            self.assertEqual((self.home() / "nearly.bin").read_bytes(), content)
            sent = self.console.driver.execute_script("return window.sentBytes")
            if turn == 0:
                self.assertGreaterEqual(sent, 20 << 20)
            for place in (0, 7 << 20, (20 << 20) - 1):
                content[place] ^= 1
        self.assertLess(sent, (3 << 20) + 4096)

    def slow_down(self, bytes_a_second):
        """So that there is something to cut; -1 for as fast as it goes."""
        self.console.driver.execute_cdp_cmd("Network.enable", {})
        self.console.driver.execute_cdp_cmd("Network.emulateNetworkConditions", {
            "offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": bytes_a_second})
        if bytes_a_second > 0:
            self.addCleanup(self.slow_down, -1)

    def test_a_cancelled_upload_deploys_nothing_and_can_be_sent_again(self):
        path = self.folder / "later.bin"
        path.write_bytes(os.urandom(24 << 20))
        self.console.type_into("#files", str(path))
        self.console.card("later.bin")
        self.slow_down(2 << 20)
        self.console.send()
        self.console.wait_for_text(".sending .note", "%")
        self.console.press("Cancel")
        self.console.wait_for_text(".problem", "Cancelled. Nothing was deployed.")
        self.assertFalse((self.home() / "later.bin").exists())
        self.assertEqual(self.console.find(".outcome"), [])
        self.slow_down(-1)
        self.console.send()
        self.console.wait_for_outcome(everywhere("placed"), seconds=60)
        self.assertEqual((self.home() / "later.bin").read_bytes(), path.read_bytes())

    def test_what_failed_says_where_and_why_and_goes_again_to_those_nodes_only(self):
        script = "#!/bin/sh\n[ $ESTIBA_NODE != node2 ] || [ -e fixed ] || exit 7\n"
        self.console.drop(self.made("flaky.sh", script))
        self.console.card("flaky.sh")
        self.console.field("Command").send_keys("./flaky.sh")
        self.console.send()
        self.console.wait_for_outcome({"node1": "exited 0", "node2": "exited 7", "node3": "exited 0"})
        self.console.wait_for_text(".result .sentence", "All 3 runs ended, 1 failed: node2.")
        self.console.wait_for_text(".reasons li", "node2 exited 7")
        self.console.picture("failed")
        (self.home("node2") / "fixed").touch()
        self.console.press("Again on the failed ones")
        self.console.wait_for_outcome({"node2": "exited 0"})

    def test_a_refused_file_names_the_nodes_and_the_reason_once(self):
        self.console.run("[ $ESTIBA_NODE != node2 ] || printf mine > taken.txt")
        self.console.wait_for_states("exited 0")
        self.console.open("#deploy")
        self.console.choose_all()
        self.console.drop(self.made("taken.txt", "new"))
        card = self.console.card("taken.txt")
        self.console.field_of(card, "Overwrite").click()
        self.console.send()
        self.console.wait_for_outcome({"node1": "placed", "node2": "refused", "node3": "placed"})
        self.console.wait(lambda: len(self.console.find(".reasons li")) == 1, "one reason")
        text = self.console.text_of(".reasons")
        self.assertTrue(text.startswith("node2 refused"), text)
        self.assertIn("taken.txt", text)
        self.assertEqual((self.home("node2") / "taken.txt").read_text(), "mine")
        self.assertEqual((self.home("node1") / "taken.txt").read_text(), "new")

    def test_hundreds_of_files_are_lines_that_are_set_all_at_once(self):
        names = [f"part-{number:03}.txt" for number in range(300)]
        self.console.driver.execute_script(DROP_MADE, [[name, name] for name in names])
        self.console.wait(lambda: len(self.cards()) == 300, "300 cards")
        self.console.wait_for_text(".sentence", "Place 300 files on 3 nodes")
        self.assertFalse(any(e.is_displayed() for e in self.console.find(".card-file .options")))
        self.console.click(".all summary")
        self.console.field("Folder of all").send_keys("parts")
        self.console.press("Set for all")
        self.console.picture("hundreds")
        self.console.send()
        self.console.wait_for_outcome(everywhere("placed"), seconds=60)
        self.assertEqual(sorted(path.name for path in (self.home() / "parts").iterdir()), names)
        self.assertEqual((self.home() / "parts" / names[-1]).read_text(), names[-1])

    def test_a_profile_says_what_it_will_do_and_takes_the_folder_upon_itself(self):
        self.console.drop(self.made("clock.sh", SERVICE))
        card = self.console.card("clock.sh")
        self.console.press("Use script-service")
        self.assertFalse(self.console.field_of(card, "Folder").is_enabled())
        self.assertIn("script-service: runs a script as your own service", card.text)
        self.console.wait_for_text(".sentence", "Hand clock.sh to script-service on 3 nodes")
        self.console.picture("profile")
        self.addCleanup(self.end_services)
        self.console.send()
        self.console.wait_for_outcome(everywhere("exited 0"), seconds=60)
        for node in NODES:
            self.assertTrue((self.home(node) / "services" / "clock.sh").exists(), node)

    def end_services(self):
        self.console.run("kill $(cat services/clock.sh.pid)")
        self.console.wait_for_states("exited 0")

    def test_what_was_kept_can_be_put_back(self):
        for text in ("first", "second"):
            self.console.open("#deploy")
            self.console.choose_all()
            self.console.drop(self.made("page.html", text))
            self.console.field_of(self.console.card("page.html"), "Keep the previous").click()
            self.console.send()
            self.console.wait_for_outcome(everywhere("placed"))
        self.assertEqual((self.home() / "page.html").read_text(), "second")
        self.console.press("Put the previous back")
        self.console.wait(lambda: len(self.console.find(".outcome")) == 2, "the rollback")
        self.console.wait_for_outcome(everywhere("placed"))
        self.console.picture("rolled-back")
        self.assertEqual({(self.home(node) / "page.html").read_text() for node in NODES}, {"first"})

    def test_cards_and_results_have_names_and_fit_a_phone(self):
        self.made("tree/a.txt")
        self.console.drop(self.made("n" * 100 + ".sh"), self.folder / "tree")
        self.console.wait(lambda: len(self.cards()) == 2, "two cards")
        self.own_command("tree", "true " + "x" * 200)
        self.console.send()
        self.console.wait(lambda: len(self.console.find(".outcome")) == 2, "two results")
        self.console.wait_for_text(".result .sentence", "All 6 runs ended")
        controls = self.console.controls()
        self.assertGreater(len(controls), 20)
        self.assertEqual([role for role, name in controls if not name], [])
        self.addCleanup(self.console.driver.execute_cdp_cmd, "Emulation.clearDeviceMetricsOverride", {})
        self.console.resize(390, 844, mobile=True)
        self.console.picture("phone-result")
        self.assertLessEqual(self.console.driver.execute_script("return document.documentElement.scrollWidth"), 390)

    def test_the_screen_is_as_it_was_left(self):
        self.console.driver.execute_script(DROP_MADE, [["kept.sh", SCRIPT]])
        self.own_command("kept.sh", "./kept.sh")
        self.console.go("history")
        self.console.wait_for_text("h1", "History")
        self.console.go("deploy")
        self.assertEqual(self.console.field_of(self.console.card("kept.sh"), "Its own command").get_attribute("value"), "./kept.sh")
        self.assertEqual(len(self.console.nodes_chosen()), 3)
