import { Children } from "./children.js";
import { button, element } from "./element.js";
import { count } from "./format.js";
import { isFound, labelsOf } from "./labels.js";
import { NodeSetError, chosenNodes, fold } from "./nodeset.js";
import { Plan } from "./plan.js";

const LAST = "estiba-nodes";
/** So many labels are a row or two; the rest is found by the search. */
const MOST_LABELS = 24;
/** With fewer nodes than this a search finds nothing that the eye does not. */
const SEARCHED = 12;

/**
 * Chooses nodes: the plan, a line for a node set, and labels are views of one choice; the search narrows what the plan
 * shows and chooses nothing by itself. `changed()` follows every change.
 */
export class NodePicker {
    #chosen = new Set();
    #plan;
    #line;
    #search;
    #note = element("p", { class: "note", "aria-live": "polite" });
    #labels = element("div", { class: "chips labels", role: "group", "aria-label": "Choose by label" });
    #labelChips = new Children(this.#labels, (label) => this.#chip(label));
    #found;
    #changed;

    constructor(world, changed) {
        this.world = world;
        this.#changed = changed;
        this.#plan = new Plan("Nodes to choose from", () => this.#planChanged());
        this.#line = this.#input("Nodes as a node set", "node[1-3],web*!web7", () => this.#lineChanged());
        this.#search = this.#input("Search nodes by name, label, fact or address", "search", () => this.update());
        this.#search.type = "search";
        this.#found = this.#link("choose these", () => [...this.#chosen, ...this.#shown]);
        this.search = element("div", { class: "search" }, this.#search, this.#found);
        this.node = element(
            "section",
            { class: "picker" },
            element("h2", {}, "Where"),
            this.#line,
            this.search,
            element(
                "div",
                { class: "links" },
                this.#note,
                this.#link("all", () => world.names),
                this.#link("none", () => []),
                this.#link("as last time", () => lastTime(world)),
            ),
            this.#labels,
            this.#plan.node,
        );
        this.update();
    }

    get names() {
        return this.world.names.filter((name) => this.#chosen.has(name));
    }

    get away() {
        return this.names.filter((name) => !this.world.nodes.get(name)?.present);
    }

    choose(names) {
        this.#chosen = new Set(names.filter((name) => this.world.nodes.has(name) || !this.world.isKnown));
        this.#line.value = fold(this.names);
        this.#show();
    }

    /** Shows the nodes as they are now. */
    update() {
        this.search.hidden = this.world.nodes.size < SEARCHED;
        this.#plan.show(this.#shown.map((name) => presence(this.world.nodes.get(name))));
        // Nodes that were chosen before they were known.
        if (this.#line.value === "" && this.#line !== document.activeElement) this.#line.value = fold(this.names);
        this.#show();
    }

    /** Keeps the choice for "as last time". */
    remember() {
        localStorage.setItem(LAST, JSON.stringify(this.names));
    }

    /** The nodes that the search leaves. */
    get #shown() {
        const words = this.#search.value.toLowerCase().split(/\s+/).filter(Boolean);
        if (words.length === 0 || this.search.hidden) return this.world.names;
        return this.world.names.filter((name) => isFound(this.world.nodes.get(name), words));
    }

    #input(label, placeholder, input) {
        const plain = { autocomplete: "off", autocapitalize: "none", spellcheck: "false" };
        return element("input", { class: "form-control mono", "aria-label": label, placeholder, ...plain, on: { input } });
    }

    #link(label, names) {
        return button(label, () => {
            this.choose(names());
            this.#changed();
        }, { class: "link" });
    }

    #chip({ label, names, isChosen }) {
        const toggle = () => {
            const others = this.names.filter((name) => !names.includes(name));
            this.choose(isChosen ? others : [...others, ...names]);
            this.#changed();
        };
        return button(`${label} · ${names.length}`, toggle, { class: "chip", "aria-pressed": String(isChosen), title: fold(names) });
    }

    /** What the plan does not show stays chosen or not as it was. */
    #planChanged() {
        const shown = new Set(this.#shown);
        this.#chosen = new Set([...this.names.filter((name) => !shown.has(name)), ...this.#plan.chosen]);
        this.#line.value = fold(this.names);
        this.#show();
        this.#changed();
    }

    #lineChanged() {
        try {
            this.#chosen = new Set(chosenNodes(this.#line.value, this.world.names));
            this.#show();
        } catch (error) {
            if (!(error instanceof NodeSetError)) throw error;
            this.#chosen = new Set();
            this.#show(error.message);
        }
        this.#changed();
    }

    #show(problem) {
        this.#plan.choose(this.#chosen);
        this.#showLabels();
        const shown = this.#shown.length;
        this.#found.textContent = `choose ${count(shown, "node")} found`;
        this.#found.hidden = this.#search.value.trim() === "" || shown === 0;
        this.#line.setAttribute("aria-invalid", String(Boolean(problem)));
        this.#note.classList.toggle("problem", Boolean(problem));
        if (problem) this.#note.textContent = problem;
        else if (!this.world.isKnown) this.#note.textContent = "Looking for nodes…";
        else if (this.world.nodes.size === 0) this.#note.textContent = "No node is registered here yet.";
        else this.#note.textContent = `${this.names.length} of ${count(this.world.nodes.size, "node")} chosen`;
    }

    #showLabels() {
        const labels = labelsOf(this.world.nodes.values()).slice(0, MOST_LABELS);
        this.#labelChips.show(labels.map(({ label, names }) => {
            const isChosen = names.every((name) => this.#chosen.has(name));
            return { key: label, face: `${names.join()} ${isChosen}`, value: { label, names, isChosen } };
        }));
        this.#labels.hidden = labels.length === 0;
    }
}

function presence(node) {
    return { name: node.name, tone: node.present ? "free" : "away", words: node.present ? "" : "away" };
}

function lastTime(world) {
    try {
        return JSON.parse(localStorage.getItem(LAST) ?? "[]").filter((name) => world.nodes.has(name));
    } catch {
        return [];
    }
}
