import { Refusal, get } from "./api.js";
import { element, field, tick } from "./element.js";
import { FileList } from "./files.js";
import { count } from "./format.js";
import { fold } from "./nodeset.js";
import { NodePicker } from "./picker.js";
import { submit } from "./submit.js";

/** How long the gateway offers an order to a node that is away, unless told otherwise. */
const USUAL_WAIT_MILLISECONDS = 600_000;

/** The Deploy screen. `#deploy/ID` begins with what execution ID was given. */
export function deployScreen(context, again) {
    const screen = new Deploy(context);
    if (again) screen.fill(again);
    return screen;
}

class Deploy {
    #sentence = element("p", { class: "sentence" });
    #aside = element("p", { class: "quiet" });
    #problem = element("p", { class: "problem", role: "alert" });
    #command = element(
        "input",
        {
            class: "form-control mono",
            placeholder: "./build.sh --fast",
            autocomplete: "off",
            spellcheck: "false",
            autocapitalize: "none",
        },
    );
    #limit = element(
        "input",
        { class: "form-control", type: "number", min: "0", step: "1", placeholder: "none", inputmode: "numeric" },
    );
    #isSending = false;
    /** What an earlier request had beyond what this screen shows. */
    #kept = {};

    constructor(context) {
        this.context = context;
        const changed = () => this.#tell();
        this.files = new FileList(changed);
        this.picker = new NodePicker(context.world, changed);
        this.shell = tick("Use my login shell (pipes, variables, ;)", false, changed);
        this.#command.addEventListener("input", changed);
        this.send = element("button", { type: "submit", class: "primary" }, "Deploy");
        this.node = element(
            "form",
            { class: "two", "aria-label": "Deploy", novalidate: true, on: { submit: (event) => this.#submit(event) } },
            element(
                "div",
                {},
                element("h1", { class: "visually-hidden" }, "Deploy"),
                this.files.node,
                this.#commandSection(),
            ),
            element(
                "div",
                {},
                this.picker.node,
                element("div", { class: "go" }, element("div", {}, this.#sentence, this.#aside), this.send),
                this.#problem,
            ),
        );
        const update = () => (this.picker.update(), changed());
        context.world.addEventListener("nodes", update);
        this.close = () => context.world.removeEventListener("nodes", update);
        changed();
    }

    #commandSection() {
        this.options = element(
            "details",
            {},
            element("summary", {}, "Time limit"),
            field("Stop it after this many seconds", this.#limit),
        );
        return element(
            "section",
            {},
            element("h2", {}, "Then run"),
            field("Command", this.#command),
            this.shell.node,
            this.options,
        );
    }

    async fill(id) {
        try {
            const { request = {}, runs = [], command } = await get(`executions/${encodeURIComponent(id)}`);
            this.picker.choose(request.nodes ?? runs.map((run) => run.node));
            const asked = request.command ?? { line: command };
            this.#command.value = asked.line ?? asked.shell ?? (asked.arguments ?? []).map(quoted).join(" ");
            this.shell.box.checked = asked.shell !== undefined;
            const { folder, environment, waitMilliseconds, graceMilliseconds, lossless, leave } = request;
            this.#kept = { folder, environment, waitMilliseconds, graceMilliseconds, lossless, leave };
            if (request.timeoutMilliseconds) this.#limit.value = request.timeoutMilliseconds / 1000;
            this.options.open = this.#limit.value !== "";
            for (const file of request.files ?? []) await this.files.add(undefined, file);
        } catch (error) {
            this.#refuse(error);
        }
        this.#tell();
    }

    get #request() {
        const line = this.#command.value.trim();
        const request = { ...this.#kept, nodes: this.picker.names, kind: this.files.cards.length > 0 ? "deploy" : "run" };
        if (this.files.cards.length > 0) request.files = this.files.cards.map((card) => card.request);
        if (line) request.command = this.shell.box.checked ? { shell: line } : { line };
        if (Number(this.#limit.value) > 0) request.timeoutMilliseconds = Math.round(Number(this.#limit.value) * 1000);
        return request;
    }

    /** Says what will happen, or what is still missing. */
    #tell() {
        const nodes = this.picker.names;
        const names = this.files.cards.map((card) => card.name);
        const line = this.#command.value.trim();
        const deeds = [];
        if (names.length > 0) deeds.push(`place ${names.length > 3 ? count(names.length, "file") : names.join(", ")}`);
        if (line) deeds.push(`run ${line.length > 60 ? `${line.slice(0, 60)}…` : line}`);
        const what = deeds.join(", then ");
        this.send.disabled = this.#isSending || !what || nodes.length === 0;
        this.send.textContent = names.length > 0 ? "Deploy" : "Run";
        if (!what) this.#sentence.textContent = "Nothing to do yet: add a file or a command.";
        else if (nodes.length === 0) this.#sentence.textContent = "Choose the nodes.";
        else this.#sentence.textContent = `${capital(what)} on ${count(nodes.length, "node")} as ${this.context.user}.`;
        const away = this.picker.away;
        const verb = away.length === 1 ? "is" : "are";
        const minutes = (this.#kept.waitMilliseconds ?? USUAL_WAIT_MILLISECONDS) / 60_000;
        const notes = this.#keptNotes;
        if (away.length > 0) notes.push(`${fold(away)} ${verb} away: the order waits ${count(minutes, "minute")}.`);
        this.#aside.textContent = notes.join(" ");
    }

    /** What is taken over unseen, in words. */
    get #keptNotes() {
        const { folder, environment = {} } = this.#kept;
        const names = Object.keys(environment);
        const notes = [];
        if (folder) notes.push(`It runs in ${folder}.`);
        if (names.length > 0) notes.push(`${names.join(", ")} set as before.`);
        return notes;
    }

    async #submit(event) {
        event.preventDefault();
        this.#problem.textContent = this.files.cards.map((card) => card.problem).find(Boolean) ?? "";
        if (this.send.disabled || this.#problem.textContent) return;
        this.#isSending = true;
        this.#tell();
        try {
            for (const card of this.files.cards) await card.send();
            const execution = await submit(this.#request);
            this.picker.remember();
            this.context.world.addExecutions([execution]);
            this.context.go(`#output/${execution.execution}`);
        } catch (error) {
            this.#refuse(error);
        } finally {
            this.#isSending = false;
            this.#tell();
        }
    }

    #refuse(error) {
        if (!(error instanceof Refusal)) {
            this.#problem.textContent = "A file could not be read. Choose it again.";
            return;
        }
        if (error.code === "unknown_blob") this.files.cards.forEach((card) => card.forget());
        const nodes = error.nodes?.length > 0 ? ` (${fold(error.nodes)})` : "";
        this.#problem.textContent = error.sentence + nodes;
    }
}

function capital(sentence) {
    return sentence[0].toUpperCase() + sentence.slice(1);
}

/** A word as a POSIX shell would take it back. */
function quoted(word) {
    return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
