import { Refusal } from "./api.js";
import { Children } from "./children.js";
import { element, tick } from "./element.js";
import { ExecutionPane } from "./execution.js";
import { count, countChips, title } from "./format.js";
import { Past } from "./past.js";
import { NodePicker } from "./picker.js";
import { StopMine } from "./stopmine.js";
import { submit } from "./submit.js";

/** So many commands stay on the screen; History has them all. */
const MOST = 20;

/** The Shell screen: a command to the chosen nodes, its output below the line, the newest first. */
export function shellScreen(context) {
    const screen = new ShellScreen(context);
    return { node: screen.node, close: () => screen.close() };
}

class ShellScreen {
    #problem = element("p", { class: "problem", role: "alert" });
    #entries = new Map();
    #list = element("ol", { class: "past", "aria-label": "Commands, the newest first" });
    #abort = new AbortController();

    constructor(context) {
        this.context = context;
        this.line = element("input", {
            class: "form-control mono",
            "aria-label": "Command",
            placeholder: "uptime",
            autocomplete: "off",
            spellcheck: "false",
            autocapitalize: "none",
            on: { input: () => this.#tell() },
        });
        this.send = element("button", { type: "submit", class: "primary" }, "Run");
        this.shell = tick("Use my login shell (pipes, variables, ;)", true);
        this.past = new Past(context.user, this.line);
        this.stopMine = new StopMine(context, () => this.picker.names);
        this.picker = new NodePicker(context.world, () => this.#tell());
        const form = element(
            "form",
            { class: "prompt", on: { submit: (event) => this.#run(event) } },
            element("div", { class: "command" }, element("span", { "aria-hidden": "true" }, "$"), this.line, this.send),
            element("div", { class: "under" }, this.shell.node, this.stopMine.node),
            this.#problem,
        );
        this.node = element("div", {}, element("h1", { class: "visually-hidden" }, "Shell"), this.picker.node, form, this.#list);
        const { signal } = this.#abort;
        context.world.addEventListener("nodes", () => (this.picker.update(), this.#tell()), { signal });
        context.world.addEventListener("executions", () => this.#summarise(), { signal });
        // What was run here before one looked at another screen.
        if (context.shell?.user !== context.user) context.shell = { user: context.user, ids: [] };
        for (const { id, text } of context.shell.ids) this.#add(id, text);
        this.#tell();
    }

    close() {
        this.#abort.abort();
        for (const entry of this.#entries.values()) entry.close();
    }

    #tell() {
        const { names } = this.picker;
        this.send.textContent = names.length > 0 ? `Run on ${count(names.length, "node")}` : "Run";
        this.send.disabled = names.length === 0 || !this.line.value.trim();
        this.stopMine.node.hidden = names.length === 0;
        this.stopMine.label(`Stop all mine on ${count(names.length, "node")}`);
    }

    async #run(event) {
        event.preventDefault();
        const text = this.line.value.trim();
        if (this.send.disabled) return;
        this.send.disabled = true;
        this.#problem.textContent = "";
        try {
            const { execution } = await submit({
                nodes: this.picker.names,
                kind: "shell",
                command: this.shell.box.checked ? { shell: text } : { line: text },
            });
            this.picker.remember();
            this.past.add(text);
            this.line.value = "";
            this.context.shell.ids = [...this.context.shell.ids, { id: execution, text }].slice(-MOST);
            for (const entry of this.#entries.values()) entry.node.firstElementChild.open = false;
            this.#add(execution, text).node.firstElementChild.open = true;
        } catch (error) {
            if (!(error instanceof Refusal)) throw error;
            this.#problem.textContent = error.sentence;
        }
        this.#tell();
    }

    #add(id, text) {
        const entry = new Entry(this.context, id, text);
        this.#entries.set(id, entry);
        this.#list.prepend(entry.node);
        for (const [old, { node, close }] of [...this.#entries].slice(0, -MOST)) {
            close();
            node.remove();
            this.#entries.delete(old);
        }
        entry.summarise();
        return entry;
    }

    #summarise() {
        for (const entry of this.#entries.values()) entry.summarise();
    }
}

/** One command: a line that unfolds to its nodes and output. What is folded holds no output. */
class Entry {
    #title = element("span", { class: "mono" });
    #chips = element("span", { class: "chips" });
    #chipList = new Children(this.#chips, ([words, tone]) => element("span", { class: "chip", "data-tone": tone }, words));
    #pane;

    constructor(context, id, text) {
        Object.assign(this, { context, id });
        this.#title.textContent = text;
        const details = element("details", { on: { toggle: () => this.#toggled(details) } }, element("summary", {}, this.#title, this.#chips));
        this.node = element("li", { "data-execution": id }, details);
        this.close = () => this.#pane?.close();
    }

    summarise() {
        const execution = this.context.world.executions.get(this.id);
        if (!execution) return;
        this.#title.textContent = title(execution);
        this.#chipList.show(countChips(execution).map((chip) => ({ key: chip[0], face: chip.join(), value: chip })));
    }

    #toggled(details) {
        this.#pane?.close();
        this.#pane?.node.remove();
        this.#pane = undefined;
        if (!details.open) return;
        this.#pane = new ExecutionPane(this.context, this.id);
        details.append(this.#pane.node);
    }
}
