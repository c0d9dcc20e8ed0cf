"""The output as one reads it: by node, searched, wrapped, with times, downloaded, and more of it than a page can hold."""

import os
import statistics
import unittest

from selenium.webdriver.common.keys import Keys

from console import Console
from measure import empty_bytes, heap_bytes, jumps, renderer_bytes
from world import account, installation

PARTS = [0.5, 0.01, 0.99, 0.3, 0.7, 0.123, 0.9, 0.0, 0.45, 0.456, 0.2, 0.8]
LARGEST_TAB = 150_000_000
LONGEST_JUMP_MILLISECONDS = 100


@unittest.skipUnless(os.geteuid() == 0, "makes an account")
class Lines(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.console = Console(installation().url)
        cls.addClassCleanup(cls.console.close)
        cls.console.open("#deploy")
        cls.console.log_in(account().name, account().password)
        cls.console.wait_until_in(account().name)

    def tearDown(self):
        self.console.driver.execute_script("localStorage.removeItem('estiba-output')")
        self.assertEqual(self.console.complaints(), [])

    # What is looked at

    def show(self, shell, lines, nodes=("node1",), seconds=60):
        execution = self.console.ask({"nodes": list(nodes), "command": {"shell": shell}})
        self.console.open(f"#output/{execution}")
        self.console.wait_for_lines(lines, seconds)
        return execution

    def texts(self):
        return [text for _, _, text in self.console.lines()]

    def rows(self):
        """Number -> text of the lines that are drawn."""
        script = "return [...document.querySelectorAll('.viewer .line')].map((row) => [row.dataset.line, row.querySelector('.text').textContent])"
        return dict(self.console.driver.execute_script(script))

    def line(self, number):
        return self.console.text_of(f".viewer .line[data-line='{number}']:not(.coming) .text")

    def search(self, words):
        field = self.console.find(".search input")[0]
        field.clear()
        field.send_keys(words)

    def scroll(self, top):
        self.console.driver.execute_script("document.querySelector('.viewer').scrollTop = arguments[0]", top)

    def click(self, label):
        self.console.press(label)

    # Small outputs

    def test_runs_are_grouped_by_node_newest_first(self):
        first = self.show("echo one; exit 3", 1, ["node2"])
        second = self.show("echo two", 2, ["node1", "node2"])
        self.console.click(".ways a", 1)
        self.console.wait(lambda: self.console.fragment() == "#output/nodes", "the nodes")
        self.console.click("a[href='#output/nodes/node2']")
        self.console.wait_for_text("h1", "node2")
        rows = lambda: self.console.attributes(".node-runs tbody tr", "data-execution")
        self.console.wait(lambda: rows()[:2] == [second, first], "the newest first")
        self.console.wait_for_text(f"tr[data-execution='{first}'] .state", "exited 3")
        self.assertNotIn(first, self.console.driver.page_source.split("node-runs")[0])
        third = self.console.ask({"nodes": ["node2"], "command": {"line": "true"}})
        self.console.wait_for_text(f".node-runs tbody tr:first-child[data-execution='{third}'] .state", "exited 0")
        self.console.click(f"a[href='#output/{second}/node2']")
        self.console.wait_for_lines(1)
        self.assertEqual(self.console.lines(), [["node2", "stdout", "two"]])

    def test_new_executions_are_counted_until_they_are_looked_at(self):
        self.console.open("#deploy")
        self.console.wait(lambda: "3 of 3" in self.console.text(), "the live connection")
        for _ in range(2):
            self.console.ask({"nodes": ["node1"], "command": {"line": "true"}})
        self.console.wait_for_text("#badge", "2")
        self.console.go("output")
        self.console.wait_until_gone("#badge", "no badge")

    def test_search_marks_counts_and_goes_from_match_to_match(self):
        self.show("for i in $(seq 500); do case $i in 7|300|490) echo \"an Error at $i\";; *) echo \"line $i\";; esac; done", 500)
        self.search("error")
        self.console.wait_for_text(".found-count", "of 3")
        while (before := self.console.text_of(".found-count")) != "1 of 3":
            self.console.click("[aria-label='Next match']")
            self.console.wait(lambda: self.console.texts(".found-count") != [before], "the next match")
        self.assertEqual(self.line(7), "an Error at 7")
        self.console.wait_for_text(".line.current .hit", "Error")
        self.console.type_into(".search input", Keys.ENTER)
        self.console.wait_for_text(".found-count", "2 of 3")
        self.assertEqual(self.line(300), "an Error at 300")
        self.console.click("[aria-label='Previous match']")
        self.console.click("[aria-label='Previous match']")
        self.console.wait_for_text(".found-count", "3 of 3")
        self.assertEqual(self.line(490), "an Error at 490")
        self.console.click("[aria-label='Heed upper and lower case']")
        self.console.wait_for_text(".found-count", "nothing found")
        self.console.click("[aria-label='Regular expression']")
        self.search("^line 4[0-9]*$")
        self.console.wait_for_text(".found-count", "110")
        self.search("(")
        self.console.wait_for_text(".found-count", "cannot be read: a ( has no ) after it")
        self.search(Keys.ESCAPE)
        self.assertEqual(self.console.find(".line.found"), [])
        self.console.driver.get_log("browser")

    def test_search_finds_what_is_shown_and_no_more(self):
        self.show("echo \"here $ESTIBA_NODE\"; echo there >&2", 6, ["node1", "node2", "node3"])
        self.search("here")
        self.console.wait_for_text(".found-count", "of 6")
        self.click("stderr")
        self.console.wait_for_text(".found-count", "of 3")
        self.console.click(".plan .cell[data-node=node2]")
        self.console.wait_for_text(".found-count", "1 of 1")
        self.console.wait(lambda: list(self.rows().values()) == ["here node2"], "the one line")

    def test_times_and_wrapping_are_kept_for_the_next_time(self):
        execution = self.show("printf '%0400d\\n' 1; echo after", 2)
        self.assertEqual(self.console.find(".line .time"), [])
        narrow = self.console.find(".line")[0].size["height"]
        self.click("Times")
        self.click("Wrap")
        self.assertRegex(self.console.text_of(".line .time"), r"^\d\d:\d\d:\d\d\.\d\d\d$")
        self.console.wait(lambda: self.console.find(".line")[0].size["height"] >= 2 * narrow, "the line in several rows")
        self.assertLessEqual(*self.console.driver.execute_script("const v = document.querySelector('.viewer'); return [v.scrollWidth, v.clientWidth]"))
        self.console.open(f"#output/{execution}")
        self.console.wait_for(".line .time")
        self.assertTrue(self.console.find(".viewer.wraps"))

    def test_wrapped_lines_are_gone_through_by_wheel_and_keys(self):
        self.show("for i in $(seq 300); do printf '%04d %0600d\\n' $i 0; done", 300)
        self.click("Wrap")
        viewer = self.console.find(".viewer")[0]
        self.console.wait(lambda: any(r.startswith("0300") for r in self.rows().values()), "the end, which is followed")
        viewer.send_keys(Keys.HOME)
        self.console.wait(lambda: self.line(1).startswith("0001"), "the beginning")
        seen = set()
        for _ in range(400):
            seen |= {int(text[:4]) for text in self.sight()}
            if 300 in seen:
                break
            viewer.send_keys(Keys.PAGE_DOWN)
        self.assertEqual(seen, set(range(1, 301)))
        # The last line may be in sight with its end below.
        viewer.send_keys(Keys.END)
        self.console.wait(lambda: self.console.link("Follow").get_attribute("aria-pressed") == "true", "following at the end")

    def sight(self):
        script = """
            const viewer = document.querySelector(".viewer");
            const room = viewer.getBoundingClientRect();
            return new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(() => resolve(
                [...viewer.querySelectorAll(".line")].filter((row) => {
                    const place = row.getBoundingClientRect();
                    return place.bottom > room.top && place.top < room.bottom;
                }).map((row) => row.querySelector(".text").textContent)))));
        """
        return self.console.driver.execute_script(script)

    def test_equal_output_is_folded_the_odd_one_first(self):
        self.show("echo same; case $ESTIBA_NODE in node2) echo odd; exit 1;; *) echo usual;; esac", 6, ["node1", "node2", "node3"])
        self.click("Fold")
        self.console.wait(lambda: len(self.console.find(".groups li")) == 2, "two groups")
        self.assertEqual(self.groups(), ["node2", "node[1,3]"])
        self.assertEqual(self.console.texts(".groups li:first-child .differs .text"), ["odd"])
        self.assertEqual(self.console.texts(".groups li:first-child .missing"), ["usual"])
        self.assertFalse(self.console.find(".viewer")[0].is_displayed())
        self.console.picture("folded")
        self.console.click(".groups li:first-child button")
        self.console.wait_for_lines(2)
        self.assertEqual(self.console.lines(), [["node2", "stdout", "same"], ["node2", "stdout", "odd"]])

    def test_folding_goes_on_while_it_runs(self):
        go = installation().folder / "go"
        execution = self.console.ask({"nodes": ["node1", "node2"], "command": {
            "shell": f"echo one; until [ -e {go} ]; do sleep 0.1; done; echo two $ESTIBA_NODE"}})
        self.addCleanup(go.unlink)
        self.console.open(f"#output/{execution}")
        self.console.wait_for_lines(2)
        self.click("Fold")
        self.console.wait(lambda: self.groups() == ["node[1-2]"], "one group")
        go.touch()
        self.console.wait_for_states("exited 0", 2)
        self.console.wait(lambda: self.groups() == ["node1", "node2"], "two groups")

    def groups(self):
        return self.console.attributes(".groups li", "data-nodes")

    def test_everything_is_downloaded_as_text_and_as_records(self):
        execution = self.show("echo \"from $ESTIBA_NODE\"; printf 'bad \\377' >&2", 4, ["node1", "node2"])
        links = {e.text: e.get_attribute("href") for e in self.console.find(".downloads a, .raws a")}
        self.assertEqual(set(links), {"text", "NDJSON", "stdout", "stderr"})
        text = self.fetch(links["text"])
        lines = ["from node1", "from node2", "bad \ufffd"]
        self.assertEqual(sorted(text.splitlines()), sorted(["node1: from node1", "node2: from node2", "node1: bad \ufffd", "node2: bad \ufffd"]))
        self.assertEqual(len(self.fetch(links["NDJSON"]).splitlines()), 4)
        self.assertIn(self.fetch(links["stderr"]), lines)
        self.assertTrue(execution)

    def fetch(self, url):
        script = "const [url, done] = arguments; fetch(url).then((response) => response.text()).then(done)"
        return self.console.driver.execute_async_script(script, url)

    def test_a_long_line_says_that_it_is_cut_and_where_the_rest_is(self):
        self.show("head -c 20000 /dev/zero | tr '\\0' y; echo; echo after", 2)
        self.assertEqual(self.line(1), "y" * 8192)
        link = self.console.wait_for(".line .rest a").get_attribute("href")
        self.assertEqual(len(self.fetch(link)), 20_000 + 7)

    # Large outputs

    def large(self, number, nodes):
        """An output that the page does not hold: what a new browser's tab takes for it, beyond an empty one, and jumps."""
        execution = self.console.ask({"nodes": list(nodes), "command": {"shell": f"seq {number}"}})
        total = number * len(nodes)
        self.console.open(f"#output/{execution}")
        self.console.wait_for_states("exited 0", len(nodes), seconds=300)
        self.console.wait_for_lines(total, seconds=300)
        fresh = Console(installation().url)
        self.addCleanup(fresh.close)
        empty = empty_bytes(fresh)
        fresh.open(f"#output/{execution}")
        fresh.log_in(account().name, account().password)
        fresh.wait_for_lines(total, seconds=60)
        times = jumps(fresh, PARTS * 3)
        heap = heap_bytes(fresh)
        resident = renderer_bytes(fresh) - empty
        print(f"{total:,} lines on {len(nodes)} nodes: {resident / 1e6:.0f} MB resident beyond an empty page's {empty / 1e6:.0f} MB, "
              f"{heap / 1e6:.1f} MB of JavaScript; jumps {statistics.median(times):.0f} ms, longest {max(times):.0f} ms", flush=True)
        self.assertGreater(empty, 20_000_000)
        self.assertLess(resident + heap, LARGEST_TAB)
        self.assertLess(statistics.median(times), LONGEST_JUMP_MILLISECONDS)
        return execution

    def test_a_million_lines_stay_in_the_gateway_and_are_all_there(self):
        execution = self.large(1_000_000, ["node1"])
        self.assertLess(len(self.console.find(".viewer .line")), 150)
        for number in (1, 2, 250, 251, 654_321, 999_999, 1_000_000):
            self.search(f"^{number}$")
            if self.console.attributes("[aria-label='Regular expression']", "aria-pressed") == ["false"]:
                self.console.click("[aria-label='Regular expression']")
            self.console.wait(lambda: self.console.texts(".line.current .text") == [str(number)], f"line {number}", 60)
            self.assertEqual(self.line(number), str(number))
        viewer = self.console.find(".viewer")[0]
        viewer.send_keys(Keys.HOME)
        self.assertEqual(self.line(1), "1")
        for number in range(30):
            viewer.send_keys(Keys.PAGE_DOWN)
        texts = self.sight()
        self.assertEqual(texts, [str(int(texts[0]) + offset) for offset in range(len(texts))])
        self.assertLess(int(texts[0]), 30 * 60)
        viewer.send_keys(Keys.END)
        self.assertEqual(self.line(1_000_000), "1000000")
        self.assertTrue(execution)

    def test_a_fast_output_is_followed_and_resumed_when_the_gateway_dies(self):
        execution = self.console.ask({"nodes": ["node1"], "command": {
            "shell": "seq 1 400000; for i in $(seq 100); do seq $((400000 + i * 1000 - 999)) $((400000 + i * 1000)); sleep 0.05; done"}})
        self.console.open(f"#output/{execution}")
        self.console.wait(lambda: int(self.console.texts(".tools .lines")[0].split()[0].replace(",", "")) > 400_000, "more than a page holds", 60)
        self.console.wait(lambda: any(int(text) > 400_000 for text in self.sight()), "the end in sight", 20)
        installation().kill("gateway")
        self.console.wait_for_text("#banner", "Lost the gateway")
        self.console.wait_until_gone("#banner", "the gateway to be back", 60)
        self.console.wait_for_states("exited 0", 1, seconds=60)
        self.console.wait_for_lines(500_000, seconds=60)
        self.assertEqual(self.line(500_000), "500000")
        self.scroll(0)
        self.assertEqual(self.line(1), "1")
        self.console.driver.get_log("browser")

    def test_a_large_output_is_filtered_like_a_small_one(self):
        self.show("seq 200000; echo odd >&2; printf last", 600_006, ["node1", "node2", "node3"])
        self.assertEqual(set(self.sight()[-3:]), {"last"})
        self.click("stdout")
        self.console.wait_for_lines(3)
        self.assertEqual(self.texts(), ["odd"] * 3)
        self.click("stdout")
        self.console.click(".plan .cell[data-node=node3]")
        # Its end is shown before anybody can scroll.
        self.assertEqual(self.line(200_002), "last")
        self.scroll(0)
        self.assertEqual(self.line(2), "2")

    @unittest.skipUnless(os.environ.get("ESTIBA_TEST_LONG"), "takes minutes: ESTIBA_TEST_LONG=1")
    def test_ten_million_lines_of_one_node(self):
        self.large(10_000_000, ["node1"])

    @unittest.skipUnless(os.environ.get("ESTIBA_TEST_LONG"), "takes minutes: ESTIBA_TEST_LONG=1")
    def test_ten_million_lines_of_three_nodes(self):
        self.large(3_333_334, ["node1", "node2", "node3"])


if __name__ == "__main__":
    unittest.main()
