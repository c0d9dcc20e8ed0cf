import { Refusal } from "./api.js";
import { element, tick } from "./element.js";
import { ExecutionPane } from "./execution.js";
import { count } from "./format.js";
import { NodePicker } from "./picker.js";
import { submit } from "./submit.js";

const PAST = "estiba-commands";
const MOST = 200;

/** The Shell screen: a command to the chosen nodes, its output below; the arrow keys bring back earlier commands. */
export function shellScreen(context) {
    const problem = element("p", { class: "problem", role: "alert" });
    const place = element("div");
    const line = element(
        "input",
        {
            class: "form-control mono",
            "aria-label": "Command",
            placeholder: "uptime",
            autocomplete: "off",
            spellcheck: "false",
            autocapitalize: "none",
        },
    );
    const send = element("button", { type: "submit", class: "primary" }, "Run");
    const shell = tick("Use my login shell (pipes, variables, ;)", true);
    const picker = new NodePicker(context.world, () => tell());
    const past = new Past(line);
    let pane;
    const tell = () => {
        send.textContent = picker.names.length > 0 ? `Run on ${count(picker.names.length, "node")}` : "Run";
        send.disabled = picker.names.length === 0 || !line.value.trim();
    };
    const run = async (event) => {
        event.preventDefault();
        const text = line.value.trim();
        if (send.disabled) return;
        send.disabled = true;
        problem.textContent = "";
        try {
            const execution = await submit({
                nodes: picker.names,
                kind: "shell",
                command: shell.box.checked ? { shell: text } : { line: text },
            });
            picker.remember();
            past.add(text);
            line.value = "";
            pane?.close();
            pane = new ExecutionPane(context, execution.execution);
            place.replaceChildren(pane.node);
        } catch (error) {
            if (!(error instanceof Refusal)) throw error;
            problem.textContent = error.sentence;
        }
        tell();
    };
    const update = () => (picker.update(), tell());
    line.addEventListener("input", tell);
    context.world.addEventListener("nodes", update);
    tell();
    const form = element(
        "form",
        { class: "prompt", on: { submit: run } },
        element("div", { class: "command" }, element("span", { "aria-hidden": "true" }, "$"), line, send),
        shell.node,
        problem,
    );
    return {
        node: element("div", {}, element("h1", { class: "visually-hidden" }, "Shell"), picker.node, form, place),
        close() {
            context.world.removeEventListener("nodes", update);
            pane?.close();
        },
    };
}

/** Earlier commands of this browser, by the arrow keys. */
class Past {
    #lines = JSON.parse(localStorage.getItem(PAST) ?? "[]");
    #at = 0;

    constructor(input) {
        input.addEventListener("keydown", (event) => {
            const step = { ArrowUp: 1, ArrowDown: -1 }[event.key];
            if (!step) return;
            event.preventDefault();
            this.#at = Math.min(Math.max(this.#at + step, 0), this.#lines.length);
            input.value = this.#lines[this.#lines.length - this.#at] ?? "";
            input.dispatchEvent(new Event("input"));
        });
    }

    add(line) {
        this.#lines = [...this.#lines.filter((other) => other !== line), line].slice(-MOST);
        this.#at = 0;
        localStorage.setItem(PAST, JSON.stringify(this.#lines));
    }
}
