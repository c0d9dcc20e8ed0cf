import { button, element } from "./element.js";
import { count } from "./format.js";
import { NodeSetError, chosenNodes, fold } from "./nodeset.js";
import { Plan } from "./plan.js";

const LAST = "estiba-nodes";

/** Chooses nodes: the plan and a line for a node set are two views of one choice. `changed()` follows every change. */
export class NodePicker {
    #plan;
    #line;
    #note = element("p", { class: "note", "aria-live": "polite" });
    #changed;

    constructor(world, changed) {
        this.world = world;
        this.#changed = changed;
        this.#plan = new Plan("Nodes to choose from", () => this.#planChanged());
        this.#line = element("input", {
            class: "form-control mono",
            "aria-label": "Nodes as a node set",
            placeholder: "node[1-3],web*!web7",
            autocomplete: "off",
            autocapitalize: "none",
            spellcheck: "false",
            on: { input: () => this.#lineChanged() },
        });
        this.node = element(
            "section",
            { class: "picker" },
            element("h2", {}, "Where"),
            this.#line,
            element(
                "div",
                { class: "links" },
                this.#note,
                this.#link("all", () => world.names),
                this.#link("none", () => []),
                this.#link("as last time", () => lastTime(world)),
            ),
            this.#plan.node,
        );
        this.update();
    }

    get names() {
        return this.world.names.filter((name) => this.#plan.chosen.has(name));
    }

    get away() {
        return this.names.filter((name) => !this.world.nodes.get(name)?.present);
    }

    choose(names) {
        this.#plan.choose(names);
        this.#line.value = fold(this.names);
        this.#tell();
    }

    /** Shows the nodes as they are now. */
    update() {
        this.#plan.show(this.world.names.map((name) => presence(this.world.nodes.get(name))));
        this.#tell();
    }

    /** Keeps the choice for "as last time". */
    remember() {
        localStorage.setItem(LAST, JSON.stringify(this.names));
    }

    #link(label, names) {
        return button(label, () => {
            this.choose(names());
            this.#changed();
        }, { class: "link" });
    }

    #planChanged() {
        this.#line.value = fold(this.names);
        this.#tell();
        this.#changed();
    }

    #lineChanged() {
        try {
            this.#plan.choose(chosenNodes(this.#line.value, this.world.names));
            this.#tell();
        } catch (error) {
            if (!(error instanceof NodeSetError)) throw error;
            this.#plan.choose([]);
            this.#tell(error.message);
        }
        this.#changed();
    }

    #tell(problem) {
        this.#line.setAttribute("aria-invalid", String(Boolean(problem)));
        this.#note.classList.toggle("problem", Boolean(problem));
        if (problem) this.#note.textContent = problem;
        else if (!this.world.isKnown) this.#note.textContent = "Looking for nodes…";
        else if (this.world.nodes.size === 0) this.#note.textContent = "No node is registered here yet.";
        else this.#note.textContent = `${this.names.length} of ${count(this.world.nodes.size, "node")} chosen`;
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
