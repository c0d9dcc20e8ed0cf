import { Refusal, get, query } from "./api.js";
import { Children } from "./children.js";
import { button, element } from "./element.js";
import { count } from "./format.js";
import { rowText } from "./lines.js";
import { fold } from "./nodeset.js";
import { rowElement } from "./row.js";
import { rowOf } from "./windows.js";

/** Groups drawn, and lines of each: who wants more opens it. */
const MOST_GROUPS = 30;
const MOST_LINES = 100;
const LOOK_MILLISECONDS = 1000;

/**
 * The output with what is equal on many nodes shown once, the odd ones first, each against what most have written. Looks
 * again while more comes.
 */
export class Folded {
    #list = element("ol", { class: "groups" });
    #items = new Children(this.#list, (group) => this.#group(group));
    #note = element("p", { class: "quiet" });
    #lines = new Map();
    #timer;
    #isLooking = false;
    #isStale = false;

    /** `open(nodes)` shows the whole output of these nodes. */
    constructor(id, options, open) {
        Object.assign(this, { id, options, open });
        this.node = element("div", { class: "folded", hidden: true }, this.#note, this.#list);
    }

    show(isShown) {
        this.node.hidden = !isShown;
        if (isShown) this.grown();
    }

    close() {
        this.node.hidden = true;
        clearTimeout(this.#timer);
    }

    /** There is more output. */
    async grown() {
        this.#isStale = true;
        if (this.#isLooking || this.node.hidden) return;
        this.#isLooking = true;
        while (this.#isStale && !this.node.hidden) {
            this.#isStale = false;
            await this.#look();
            await new Promise((resolve) => (this.#timer = setTimeout(resolve, LOOK_MILLISECONDS)));
        }
        this.#isLooking = false;
    }

    async #look() {
        try {
            const { groups, isWhole } = await get(`executions/${this.id}/groups`);
            if (!isWhole) this.#isStale = true;
            const shown = groups.slice(0, MOST_GROUPS - 1);
            const most = groups.at(-1);
            if (most && !shown.includes(most)) shown.push(most);
            const lines = new Map();
            for (const group of shown) lines.set(keyOf(group), await this.#linesOf(group));
            this.#lines = lines;
            this.#show(shown, groups.length - shown.length);
        } catch (error) {
            if (!(error instanceof Refusal)) throw error;
            this.#note.textContent = error.sentence;
            this.#isStale = error.status === 0;
        }
    }

    async #linesOf(group) {
        const known = this.#lines.get(keyOf(group));
        if (known || group.bytes === 0) return known ?? [];
        const window = query({ runs: group.run, from: 0, count: MOST_LINES });
        const { lines, open = [] } = await get(`executions/${this.id}/lines?${window}`);
        return [...lines, ...open].map(rowOf);
    }

    #show(groups, left) {
        const most = groups.at(-1);
        const usual = most && isWhole(most, this.#lines.get(keyOf(most))) ? this.#lines.get(keyOf(most)) : undefined;
        this.#note.textContent = left > 0 ? `${count(left, "more group")} between these.` : "";
        this.#items.show(groups.map((group) => ({
            key: keyOf(group),
            face: `${group.nodes.join()} ${usual && keyOf(most)} ${this.options.hasTimes}`,
            value: { group, rows: this.#lines.get(keyOf(group)), usual: group === most ? undefined : usual },
        })));
    }

    #group({ group, rows, usual }) {
        const names = fold(group.nodes);
        const differs = usual && isWhole(group, rows) ? differences(rows, usual) : { only: new Set(), missing: [] };
        const lines = rows.map((row, index) => {
            const line = rowElement(row, index, { ...this.options, search: undefined, label: () => "" });
            line.classList.toggle("differs", differs.only.has(index));
            return line;
        });
        const missing = differs.missing.map((text) => element("div", { class: "line missing" }, text));
        const more = group.lines > MOST_LINES ? ` · the first ${MOST_LINES} here` : "";
        const words = group.bytes === 0 ? "no output" : count(group.lines, "line");
        return element(
            "li",
            { "data-nodes": names },
            element(
                "div",
                { class: "head" },
                element("b", { class: "mono", title: names }, names),
                element("span", { class: "quiet" }, `${count(group.nodes.length, "node")} · ${words}${more}`),
                button("Open", () => this.open(group.nodes), { class: "link", "aria-label": `Open the output of ${names}` }),
            ),
            rows.length > 0 ? element("div", { class: "rows", role: "group" }, lines, missing) : "",
        );
    }
}

function keyOf(group) {
    return `${group.run} ${group.lines} ${group.bytes}`;
}

function isWhole(group, rows) {
    return group.lines <= MOST_LINES && rows !== undefined;
}

/** The places of the rows that the usual ones have not, and the texts of those that only the usual ones have. */
export function differences(rows, usual) {
    const left = new Map();
    const keys = (list) => list.map((row) => `${row.stream} ${rowText(row)}`);
    for (const key of keys(usual)) left.set(key, (left.get(key) ?? 0) + 1);
    const only = new Set();
    keys(rows).forEach((key, index) => {
        const number = left.get(key) ?? 0;
        if (number === 0) only.add(index);
        else left.set(key, number - 1);
    });
    const missing = [];
    for (const row of usual) {
        const key = `${row.stream} ${rowText(row)}`;
        const number = left.get(key) ?? 0;
        if (number === 0) continue;
        left.set(key, number - 1);
        missing.push(rowText(row));
    }
    return { only, missing };
}
