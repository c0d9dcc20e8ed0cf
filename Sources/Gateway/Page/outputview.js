import { address, query } from "./api.js";
import { button, element } from "./element.js";
import { Folded } from "./fold.js";
import { count } from "./format.js";
import { CONTROL, STDERR, STDOUT, Selection } from "./lines.js";
import { SearchBar } from "./searchbar.js";
import { Viewer } from "./viewer.js";
import { Windows } from "./windows.js";

const REMEMBERED = "estiba-output";
const WORDS = { [STDOUT]: "stdout", [STDERR]: "stderr", 3: "terminal" };

/** The output of an execution: what is shown of it and how, search, downloads. */
export class OutputView {
    #streams = new Set([STDOUT, STDERR]);
    #runs;
    #lines = element("span", { class: "quiet lines" });
    #problem = element("p", { class: "problem", role: "alert" });
    #source;
    #options;

    /** `following` is the execution as it is told; `choose(nodes)` chooses nodes whose output is to be shown. */
    constructor(following, id, choose) {
        Object.assign(this, { following, id });
        const kept = remembered();
        this.#options = {
            label: (run) => following.runs.get(run)?.node ?? String(run),
            raw: (run, stream) => this.#raw(run, stream),
            followed: (on) => this.followButton.setAttribute("aria-pressed", String(on)),
            hasTimes: kept.hasTimes,
        };
        this.#source = new Selection(following.transcript);
        this.viewer = new Viewer(this.#source, this.#options);
        this.followButton = button("Follow", () => this.#follow(), { "aria-pressed": "true", title: "Stay at the end" });
        this.search = new SearchBar(id, this.viewer, this.#options, () => this.#filter());
        this.folded = new Folded(id, this.#options, (nodes) => {
            this.foldButton.click();
            choose(nodes);
        });
        this.foldButton = this.#toggle("Fold", false, (on) => this.#fold(on), "Equal output of many nodes once, the odd ones first");
        const times = this.#toggle("Times", kept.hasTimes, (on) => this.#setTimes(on), "The time of every line, local");
        const wrap = this.#toggle("Wrap", kept.wraps, (on) => this.#setWraps(on), "Long lines in several rows");
        this.node = element(
            "section",
            { class: "output", "aria-label": "Output of the execution" },
            element(
                "div",
                { class: "tools" },
                this.followButton,
                this.#streamButton("stdout", STDOUT),
                this.#streamButton("stderr", STDERR),
                times,
                wrap,
                this.foldButton,
                this.search.node,
                this.#downloads(),
                this.#lines,
            ),
            this.#problem,
            this.viewer.node,
            this.folded.node,
        );
        if (kept.wraps) this.viewer.wrap(true);
    }

    close() {
        this.search.close();
        this.folded.close();
        this.#source.close?.();
        this.viewer.close();
    }

    /** Shows only what these runs wrote; without them everything. */
    select(runs) {
        this.#runs = runs;
        this.#source.close?.();
        this.#source = this.#newSource();
        this.viewer.show(this.#source);
        this.search.again();
        this.tell();
    }

    /** There is more output, or another state. */
    grown() {
        if (this.#source instanceof Windows) this.#source.grown();
        this.folded.grown();
        this.viewer.update();
        this.tell();
    }

    tell() {
        const { count: lines } = this.#source;
        const isNone = lines === 0 && this.following.isComplete;
        this.#lines.textContent = isNone ? "no output" : count(lines, "line");
    }

    #newSource() {
        const runs = this.#runs;
        const streams = this.#streams;
        if (!this.following.isLarge || streams.size === 0) {
            const all = !runs && streams.size === 2;
            const accepts = (run, stream) => (!runs || runs.has(run)) && (stream === CONTROL || streams.has(stream));
            return new Selection(this.following.transcript, all ? undefined : accepts);
        }
        const windows = new Windows(this.id, this.#filter());
        windows.addEventListener("changed", () => {
            this.#problem.textContent = "";
            this.viewer.update();
            this.tell();
        });
        windows.addEventListener("failed", ({ detail }) => (this.#problem.textContent = detail.sentence));
        return windows;
    }

    /** What is chosen, as the gateway is asked for it. */
    #filter() {
        const filter = {};
        if (this.#runs) filter.runs = ranges([...this.#runs]);
        if (this.#streams.size === 1) filter.stream = WORDS[[...this.#streams][0]];
        return filter;
    }

    #raw(run, stream) {
        const wish = query({ node: this.#options.label(run), stream: WORDS[stream] ?? "stdout" });
        return address(`executions/${this.id}/raw?${wish}`);
    }

    #follow() {
        this.viewer.follow(!this.viewer.follows);
        this.followButton.setAttribute("aria-pressed", String(this.viewer.follows));
    }

    #fold(on) {
        this.viewer.node.hidden = on;
        this.folded.show(on);
        if (!on) this.viewer.redraw();
    }

    #setTimes(on) {
        this.#options.hasTimes = on;
        remember({ hasTimes: on });
        this.viewer.redraw();
        this.folded.grown();
    }

    #setWraps(on) {
        remember({ wraps: on });
        this.viewer.wrap(on);
    }

    #streamButton(word, stream) {
        return this.#toggle(word, true, (on) => {
            if (on) this.#streams.add(stream);
            else this.#streams.delete(stream);
            this.select(this.#runs);
        });
    }

    #toggle(word, isOn, change, title) {
        const node = button(word, () => {
            const on = node.getAttribute("aria-pressed") !== "true";
            node.setAttribute("aria-pressed", String(on));
            change(on);
        }, { "aria-pressed": String(Boolean(isOn)), title });
        return node;
    }

    #downloads() {
        const link = (word, path, name, says) => element(
            "a",
            { href: address(`executions/${this.id}/${path}`), download: name, title: says },
            word,
        );
        return element(
            "span",
            { class: "downloads" },
            element("span", { class: "quiet" }, "Download "),
            link("text", "text", `${this.id}.txt`, "Every line with its node in front"),
            link("NDJSON", "output", `${this.id}.ndjson`, "Every record with node, stream, position and time"),
        );
    }
}

/** `0-3,7` of the numbers. */
export function ranges(numbers) {
    const parts = [];
    for (const number of [...numbers].sort((one, other) => one - other)) {
        const last = parts.at(-1);
        if (last && number === last[1] + 1) last[1] = number;
        else parts.push([number, number]);
    }
    return parts.map(([first, last]) => (first === last ? String(first) : `${first}-${last}`)).join(",");
}

function remembered() {
    try {
        return JSON.parse(localStorage.getItem(REMEMBERED)) ?? {};
    } catch {
        return {};
    }
}

function remember(change) {
    localStorage.setItem(REMEMBERED, JSON.stringify({ ...remembered(), ...change }));
}
