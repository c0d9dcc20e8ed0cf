import { Refusal, get, post, session } from "./api.js";
import { deployScreen } from "./deploy.js";
import { button, element } from "./element.js";
import { historyScreen } from "./history.js";
import { Keepalive } from "./keepalive.js";
import { Live } from "./live.js";
import { exchange, loginScreen, takeCode } from "./login.js";
import { outputScreen } from "./output.js";
import { shellScreen } from "./shell.js";
import { statusScreen } from "./status.js";
import { World } from "./world.js";

const SCREENS = {
    deploy: deployScreen,
    output: outputScreen,
    shell: shellScreen,
    status: statusScreen,
    history: historyScreen,
};

const RETRY_MILLISECONDS = 2000;
const CHECK_MILLISECONDS = 10_000;

const part = (id) => document.getElementById(id);
const live = new Live(`${location.protocol === "https:" ? "wss:" : "ws:"}//${location.host}/api/v1/live`);
const world = new World(live);
const context = { live, world, user: undefined, go: (fragment) => (location.hash = fragment) };
const unseen = new Set();
const keepalive = new Keepalive(() => context.user && get("whoami").catch(() => undefined));
let screen;

/** Shows the screen that the address names; the place one wants to go to stays in the address while one logs in. */
function route() {
    if (!context.user) return;
    const [name, argument] = location.hash.slice(1).split("/");
    if (!SCREENS[name]) {
        history.replaceState(null, "", "#deploy");
        return route();
    }
    document.title = `${name[0].toUpperCase()}${name.slice(1)} · Estiba`;
    for (const link of document.querySelectorAll("nav [data-screen]")) {
        if (link.dataset.screen === name) link.setAttribute("aria-current", "page");
        else link.removeAttribute("aria-current");
    }
    if (name === "output") unseen.clear();
    showBadge();
    show(SCREENS[name](context, argument));
    part("main").focus({ preventScroll: true });
}

function show(next) {
    screen?.close?.();
    screen = next;
    part("main").replaceChildren(next.node);
    next.focus?.();
}

function enter({ user }) {
    context.user = user;
    keepalive.answered();
    part("user").textContent = user;
    part("header").hidden = false;
    live.start();
    route();
}

/** Back to the login; the address keeps where one was. */
function leave(sentence) {
    live.stop();
    world.forget();
    context.user = undefined;
    part("header").hidden = true;
    part("cancel").hidden = true;
    banner();
    document.title = "Log in · Estiba";
    show(loginScreen(sentence, enter));
}

async function begin(code = takeCode()) {
    try {
        enter(code ? await exchange(code) : await get("whoami"));
    } catch (error) {
        if (!(error instanceof Refusal)) throw error;
        if (error.status === 0 || error.status >= 500) return unreachable(error, code);
        leave(
            code
                ? "That address has been used already or is too old. Log in here, or start `estiba up` again for a new one."
                : undefined,
        );
    }
}

/** Waits for a gateway that is away, with the code that it has not seen yet. */
function unreachable(error, code) {
    const timer = setTimeout(() => begin(code), RETRY_MILLISECONDS);
    const again = button("Try again now", () => (clearTimeout(timer), begin(code)), { class: "primary" });
    show({
        node: element(
            "div",
            { class: "alone" },
            element("h1", {}, "The gateway does not answer"),
            element("p", {}, error.sentence),
            again,
        ),
    });
}

function banner(sentence) {
    part("banner").textContent = sentence ?? "";
    part("banner").hidden = !sentence;
}

function report(error) {
    if (!(error instanceof Refusal)) throw error;
    if (error.status !== 401) banner(error.sentence);
}

function showBadge() {
    part("badge").textContent = String(unseen.size);
    part("badge").hidden = unseen.size === 0;
    part("badge").setAttribute("aria-label", `${unseen.size} new`);
}

session.addEventListener(
    "signed-out",
    () => context.user && leave("Your session has ended. Log in again to go on where you were."),
);
live.addEventListener("up", () => {
    banner();
    get("executions?limit=30").then(({ executions }) => world.addExecutions(executions), report);
});
live.addEventListener("down", ({ detail }) => {
    banner("Lost the gateway. What runs goes on; connecting again…");
    if (detail.failed) get("whoami").catch(() => undefined);
});
world.addEventListener("new", ({ detail }) => {
    if (location.hash.startsWith("#output")) return;
    unseen.add(detail.execution);
    showBadge();
});
world.addEventListener("nodes", () => {
    part("nodes").textContent = `${world.present} of ${world.nodes.size} nodes`;
    part("nodes").dataset.tone = world.present === world.nodes.size && world.present > 0 ? "ok" : "wait";
});
part("logout").addEventListener("click", () => post("logout").catch(report).finally(() => leave()));
world.addEventListener("executions", () => (part("cancel").hidden = world.waiting === 0));
part("cancel").addEventListener("click", () => post("logout", { cancel: true }).then(() => leave(), report));
part("skip").addEventListener("click", () => part("main").focus());
setInterval(() => keepalive.check(), CHECK_MILLISECONDS);
// A file dropped beside its place must not take the page away.
for (const name of ["dragover", "drop"]) addEventListener(name, (event) => event.preventDefault());
addEventListener("hashchange", () => (location.hash.startsWith("#code=") ? begin() : route()));
begin();
