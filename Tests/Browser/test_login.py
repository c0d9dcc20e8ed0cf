"""Getting in, and not."""

import json
import os
import unittest

from console import Console
from world import installation, account


# A request as the page makes one: what is asked, its method and body, then what the driver waits for.
REQUEST = """
const [path, method, body, done] = arguments;
fetch("/api/v1/" + path, { method, body, headers: { "X-Estiba": "1", "Content-Type": "application/json" } })
    .then((answer) => answer.json()).then(done);
"""


class Login(unittest.TestCase):
    def setUp(self):
        self.console = Console(installation().url)
        self.addCleanup(self.console.close)

    def test_the_printed_address_logs_in_once_and_leaves_no_code_behind(self):
        address = installation().facts["loginURL"]
        self.assertIn("#code=", address)
        self.console.open_address(address)
        self.console.wait_for("#user")
        self.console.wait(lambda: self.console.fragment() == "#deploy", "the Deploy screen")
        self.assertNotIn("code=", self.console.driver.current_url)
        second = Console(installation().url)
        self.addCleanup(second.close)
        second.open_address(address)
        second.wait_for_text("[role=alert]", "used already")
        self.assertEqual(second.find("#header")[0].is_displayed(), False)

    @unittest.skipUnless(os.geteuid() == 0, "makes an account")
    def test_a_wrong_password_is_refused_in_words_and_the_right_one_goes_where_one_was_going(self):
        self.console.open("#history")
        self.console.log_in(account().name, "not-the-password")
        self.console.wait_for_text("[role=alert]", "do not fit")
        self.assertEqual(self.console.fragment(), "#history")
        self.assertEqual(self.console.find("input[name=password]")[0].get_attribute("value"), "")
        self.console.log_in(account().name, account().password)
        self.console.wait_until_in(account().name)
        self.console.wait_for_text("h1", "History")
        self.assertEqual(self.console.fragment(), "#history")
        self.assertEqual(self.console.complaints(), [])

    @unittest.skipUnless(os.geteuid() == 0, "makes an account")
    def test_logging_out_ends_the_session_for_every_page(self):
        self.console.open("#deploy")
        self.console.log_in(account().name, account().password)
        self.console.wait_until_in(account().name)
        self.console.press("Log out")
        self.console.wait_for("input[name=password]")
        self.console.open("#deploy")
        self.console.wait_for("input[name=password]")
        self.assertEqual(self.console.find("#header")[0].is_displayed(), False)

    @unittest.skipUnless(os.geteuid() == 0, "makes an account")
    def test_what_waits_can_be_cancelled_while_logging_out(self):
        def ask(path, method="GET", body=None):
            return self.console.driver.execute_async_script(REQUEST, path, method, body and json.dumps(body))

        def enter():
            self.console.log_in(account().name, account().password)
            self.console.wait_until_in(account().name)

        self.console.open("#history")
        enter()
        self.assertFalse(self.console.find("button#cancel")[0].is_displayed())
        with installation().halted("node3"):
            execution = ask("executions", "POST", {"nodes": ["node3"], "command": {"arguments": ["sleep", "600"]}})["execution"]
            self.console.link("Cancel what waits and log out").click()
            self.console.wait_for("input[name=password]")
        enter()
        state = self.console.wait(
            lambda: (run := ask(f"executions/{execution}")["runs"][0])["terminal"] and run["state"], "the end of what waited")
        # It had been sent to a node that hung: that one may have begun it by the time it hears of the end.
        self.assertIn(state, ("cancelled", "refused", "stopped"))
        self.console.wait(lambda: not self.console.find("button#cancel")[0].is_displayed(), "nothing to wait")
        self.assertEqual(self.console.complaints(), [])

    @unittest.skipUnless(os.geteuid() == 0, "makes an account")
    def test_a_page_whose_session_ends_elsewhere_says_so_and_goes_on_where_it_was(self):
        self.console.open("#history")
        self.console.log_in(account().name, account().password)
        self.console.wait_for_text("h1", "History")
        first = self.console.driver.current_window_handle
        self.console.driver.switch_to.new_window("tab")
        self.console.open("#status")
        self.console.click("button#logout")
        self.console.wait_for("input[name=password]")
        self.console.driver.switch_to.window(first)
        self.console.wait_for_text("[role=alert]", "Your session has ended")
        self.console.log_in(account().name, account().password)
        self.console.wait_for_text("h1", "History")
