"""The console as a person uses it, through a real Chromium."""

import os
import pathlib

from selenium import webdriver
from selenium.common.exceptions import NoSuchElementException, StaleElementReferenceException, TimeoutException
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.support.ui import WebDriverWait

WAIT_SECONDS = 20
# A list is drawn anew while it is looked at: look again.
REDRAWN = (StaleElementReferenceException, NoSuchElementException, IndexError, StopIteration)

# Every line of the output, read by scrolling: only what is in sight is in the page.
READ_LINES = """
const done = arguments[arguments.length - 1];
const viewer = document.querySelector(".viewer");
const lines = new Map();
const frame = () => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
(async () => {
    for (let top = 0; ; top += 300) {
        viewer.scrollTop = top;
        await frame();
        for (const row of viewer.querySelectorAll(".line"))
            lines.set(Number(row.dataset.line), [row.querySelector(".name").textContent, row.classList.contains("err") ? "stderr" : "stdout", row.querySelector(".text").textContent]);
        if (top + viewer.clientHeight >= viewer.scrollHeight) break;
    }
    done([...lines].sort((a, b) => a[0] - b[0]).map(([, line]) => line));
})();
"""


# In one step: rows are drawn anew at any time.
READ_STATES = """
const rows = [...document.querySelectorAll("tr[data-node]")];
return Object.fromEntries(rows.map((row) => [row.dataset.node, row.querySelector(".state").textContent]));
"""

READ_TEXTS = """
const isSeen = (element) => element.checkVisibility({ visibilityProperty: true });
return [...document.querySelectorAll(arguments[0])].map((element) => isSeen(element) ? element.innerText.trim() : "");
"""

READ_ATTRIBUTES = """
return [...document.querySelectorAll(arguments[0])].map((element) => element.getAttribute(arguments[1]));
"""

READ_OUTCOME = """
const outcome = document.querySelectorAll(".outcome")[arguments[0]];
const cells = outcome ? [...outcome.querySelectorAll(".cell")] : [];
return Object.fromEntries(cells.map((cell) => [cell.dataset.node, cell.getAttribute("aria-label").slice(cell.dataset.node.length + 2)]));
"""


class Console:
    def __init__(self, url, width=1280, height=900):
        options = webdriver.ChromeOptions()
        arguments = ["--headless=new", "--disable-dev-shm-usage", "--hide-scrollbars", f"--window-size={width},{height}"]
        if os.geteuid() == 0:
            arguments.append("--no-sandbox")
        for argument in arguments:
            options.add_argument(argument)
        options.binary_location = "/usr/bin/chromium"
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        self.driver = webdriver.Chrome(options=options, service=Service("/usr/bin/chromedriver"))
        self.driver.set_script_timeout(60)
        self.url = url

    def close(self):
        self.driver.quit()

    # Looking

    def find(self, selector):
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def wait(self, condition, what, seconds=WAIT_SECONDS):
        """Waits until `condition()` is true and returns its value; elements that are drawn anew meanwhile are looked for again."""
        def check(_):
            return condition()
        try:
            return WebDriverWait(self.driver, seconds, 0.05, ignored_exceptions=REDRAWN).until(check)
        except TimeoutException:
            raise AssertionError(f"waited {seconds} s for {what}; the page shows:\n{self.text()[:2000]}") from None

    def wait_for(self, selector, seconds=WAIT_SECONDS):
        return self.wait(lambda: next((e for e in self.find(selector) if e.is_displayed()), None), selector, seconds)

    def wait_for_text(self, selector, text, seconds=WAIT_SECONDS):
        self.wait(lambda: any(text in found for found in self.texts(selector)), f"“{text}” in {selector}", seconds)

    def texts(self, selector):
        """The text of every such element, empty where it is not seen; all in one step, for what is drawn anew at any time."""
        return self.driver.execute_script(READ_TEXTS, selector)

    def text_of(self, selector):
        """The text of the first such element that has one, as soon as there is one."""
        return self.wait(lambda: next(filter(None, self.texts(selector)), None), f"the text of {selector}")

    def attributes(self, selector, name):
        return self.driver.execute_script(READ_ATTRIBUTES, selector, name)

    def wait_until_gone(self, selector, what, seconds=WAIT_SECONDS):
        """Until none of these is seen."""
        self.wait(lambda: not any(e.is_displayed() for e in self.find(selector)), what, seconds)

    # Acting: on an element that is drawn anew between looking and acting nothing was done, so it is looked for again

    def click(self, selector, number=0):
        def act():
            [e for e in self.find(selector) if e.is_displayed()][number].click()
            return True
        self.wait(act, f"a click on {selector}")

    def type_into(self, selector, *keys):
        def act():
            self.find(selector)[0].send_keys(*keys)
            return True
        self.wait(act, f"typing into {selector}")

    def press(self, label):
        """Clicks the button of this name."""
        def act():
            next(e for e in self.find("button") if e.text == label and e.is_displayed()).click()
            return True
        self.wait(act, f"the button {label}")

    def text(self):
        return self.driver.find_element(By.TAG_NAME, "body").text

    def fragment(self):
        return self.driver.execute_script("return location.hash")

    def complaints(self):
        """What the browser complained of, but for refusals that a test asked for."""
        entries = self.driver.get_log("browser")
        return [e["message"] for e in entries if e["level"] in ("SEVERE", "WARNING") and e["source"] not in ("network",)]

    def controls(self):
        """(role, name) of everything that can be operated, as a screen reader is told."""
        roles = {"button", "link", "textbox", "checkbox", "searchbox", "spinbutton", "listbox", "option", "combobox"}
        tree = self.driver.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]
        shown = [node for node in tree if not node.get("ignored") and node.get("role", {}).get("value") in roles]
        return [(node["role"]["value"], node.get("name", {}).get("value", "").strip()) for node in shown]

    def resize(self, width, height, mobile=False):
        """Gives the page this room, whatever the browser's window leaves it."""
        self.driver.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride", {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": mobile})

    def picture(self, name):
        folder = pathlib.Path(os.environ.get("ESTIBA_PICTURES", "/tmp/estiba-pictures"))
        folder.mkdir(parents=True, exist_ok=True)
        self.driver.save_screenshot(str(folder / f"{name}.png"))

    # Logging in

    def open(self, fragment=""):
        """Opens the page anew, also when only the fragment differs."""
        self.driver.get("about:blank")
        self.driver.get(f"{self.url}/{fragment}")

    def open_address(self, address):
        self.driver.get("about:blank")
        self.driver.get(address)

    def log_in(self, name, password):
        user = self.wait_for("input[name=user]")
        user.clear()
        user.send_keys(name)
        self.wait_for("input[name=password]").send_keys(password, Keys.ENTER)

    def wait_until_in(self, name):
        self.wait(lambda: self.texts("#user") == [name], f"being logged in as {name}")

    # Deploying

    def go(self, screen):
        self.click(f"nav [data-screen={screen}]")

    def link(self, label):
        return self.wait(lambda: next((e for e in self.find("button") if e.text == label and e.is_displayed()), None), f"the button {label}")

    def field(self, label):
        """The control that a label names."""
        def look():
            for element in self.find("label"):
                if element.text.strip() == label and element.get_attribute("for"):
                    return self.driver.find_element(By.ID, element.get_attribute("for"))
            return None
        return self.wait(look, f"the field {label}")

    def nodes_chosen(self):
        return [e.get_attribute("data-node") for e in self.find(".picker [aria-selected=true]")]

    def choose_all(self, nodes=3):
        self.wait(lambda: len(self.find(".picker .cell")) == nodes, f"{nodes} nodes to choose from")
        self.press("all")

    def tick_shell(self):
        self.wait_for("label.tick input[type=checkbox]")
        next(e for e in self.find("label.tick") if "login shell" in e.text).click()

    def run(self, command, shell=True):
        """Runs a command on all nodes from the Deploy screen and returns the execution's id when its output is in sight."""
        self.open("#deploy")
        self.choose_all()
        self.field("Command").send_keys(command)
        if shell:
            self.tick_shell()
        self.send()
        return self.wait_until_sent()

    def send(self):
        self.wait(lambda: self.find("button.primary")[0].is_enabled(), "the send button")
        self.click("button.primary")

    def wait_until_sent(self):
        """Goes on to the output of what was sent: a command shows it by itself, a deployment has a link to it."""
        link = ".outcome a[href^='#output/']"
        self.wait(lambda: self.fragment().startswith("#output/") or self.find(link), "what was sent")
        if not self.fragment().startswith("#output/"):
            self.click(link)
            self.wait(lambda: self.fragment().startswith("#output/"), "the output screen")
        return self.fragment().split("/")[1]

    def outcome(self, number=0):
        """Node -> the words of its state, in one of the results on the Deploy screen."""
        return self.driver.execute_script(READ_OUTCOME, number)

    def wait_for_outcome(self, expected, number=0, seconds=WAIT_SECONDS):
        try:
            self.wait(lambda: self.outcome(number) == expected, f"{expected}", seconds)
        except AssertionError as error:
            raise AssertionError(f"{error}\nthe states: {self.outcome(number)}") from None

    def drop(self, *paths):
        """Drops files and folders of this machine, as a file manager would."""
        place = self.wait_for(".drop")
        self.driver.execute_script("arguments[0].scrollIntoView({ block: 'center' })", place)
        at = self.driver.execute_script("const { x, y } = arguments[0].getBoundingClientRect(); return { x, y }", place)
        data = {"items": [], "files": [str(path) for path in paths], "dragOperationsMask": 1}
        for kind in ("dragEnter", "dragOver", "drop"):
            self.driver.execute_cdp_cmd("Input.dispatchDragEvent", {"type": kind, "x": at["x"] + 20, "y": at["y"] + 20, "data": data})

    def card(self, name):
        """The card of a file, with its options open."""
        card = self.wait(lambda: next((e for e in self.find(".card-file") if e.get_attribute("aria-label") == name), None), f"the card of {name}")
        toggle = card.find_element(By.CSS_SELECTOR, ".tail button.link")
        if toggle.get_attribute("aria-expanded") == "false":
            toggle.click()
        return card

    def field_of(self, card, label):
        for element in card.find_elements(By.TAG_NAME, "label"):
            if element.text.strip().startswith(label):
                name = element.get_attribute("for")
                return self.driver.find_element(By.ID, name) if name else element.find_element(By.TAG_NAME, "input")
        raise AssertionError(f"no field {label} in {card.text}")

    def ask(self, request):
        """Asks for an execution as the page would, and returns its id."""
        script = """
            const [request, done] = arguments;
            const headers = { "X-Estiba": "1", "Content-Type": "application/json" };
            fetch("/api/v1/executions", { method: "POST", headers, body: JSON.stringify(request) })
                .then((response) => response.json()).then(done);
        """
        return self.driver.execute_async_script(script, request)["execution"]

    # Output

    def states(self):
        """Node -> the words of its state."""
        return self.driver.execute_script(READ_STATES)

    def wait_for_states(self, word, nodes=3, seconds=WAIT_SECONDS):
        self.wait(lambda: list(self.states().values()) == [word] * nodes, f"{nodes} × “{word}”", seconds)

    def wait_for_lines(self, count, seconds=WAIT_SECONDS):
        words = "1 line" if count == 1 else f"{count:,} lines"
        self.wait(lambda: words in self.texts(".tools .lines"), words, seconds)

    def lines(self):
        """Every line as [node, stream, text]."""
        return self.driver.execute_async_script(READ_LINES)

