import { element } from "./element.js";

/** With at most this many nodes there is room for their names in the cells. */
const NAMED = 30;

/**
 * The stowage plan: every node a cell of one grid, to look at and to choose from. By mouse (with Shift: a range) and by
 * keyboard (arrows, Space, Ctrl-A, Escape). To a screen reader it is a list box of the nodes and their states.
 */
export class Plan {
    chosen = new Set();
    #cells = new Map();
    #names = [];
    #current;
    #changed;

    /** `changed()` is called after the user has chosen; `choose` does not call it. */
    constructor(label, changed) {
        this.#changed = changed;
        this.node = element("div", {
            class: "plan",
            role: "listbox",
            "aria-label": label,
            "aria-multiselectable": "true",
            on: { click: (event) => this.#click(event), keydown: (event) => this.#key(event) },
        });
    }

    /** Shows `[{ name, tone, words, mark }]`; cells that stay are changed in place. `mark` stands beside the name. */
    show(cells) {
        const names = cells.map((cell) => cell.name);
        if (names.join() !== this.#names.join()) this.#lay(names);
        for (const { name, tone, words, mark } of cells) {
            const cell = this.#cells.get(name);
            if (mark !== undefined && cell.dataset.mark !== mark) cell.dataset.mark = mark;
            const title = words ? `${name}: ${words}` : name;
            if (cell.dataset.tone === tone && cell.title === title) continue;
            cell.dataset.tone = tone;
            cell.title = title;
            cell.setAttribute("aria-label", title);
        }
        this.#mark();
    }

    choose(names) {
        this.chosen = new Set(names);
        this.#mark();
    }

    #lay(names) {
        this.#names = names;
        this.#cells = new Map(names.map((name) => [
            name,
            element("div", { class: "cell", role: "option", "data-node": name }, element("span", {}, name)),
        ]));
        this.node.classList.toggle("named", names.length <= NAMED);
        this.node.replaceChildren(...this.#cells.values());
        this.chosen = new Set(names.filter((name) => this.chosen.has(name)));
        this.#stand(this.#cells.has(this.#current) ? this.#current : names[0]);
    }

    #mark() {
        for (const [name, cell] of this.#cells) {
            const chosen = String(this.chosen.has(name));
            if (cell.ariaSelected !== chosen) cell.ariaSelected = chosen;
        }
    }

    /** Moves the one tab stop of the grid. */
    #stand(name) {
        this.#cells.get(this.#current)?.setAttribute("tabindex", "-1");
        this.#current = name;
        this.#cells.get(name)?.setAttribute("tabindex", "0");
    }

    #click(event) {
        const name = event.target.closest("[data-node]")?.dataset.node;
        if (name === undefined) return;
        if (event.shiftKey && this.#current !== undefined) this.#chooseRange(this.#current, name);
        else this.#toggle(name);
        this.#stand(name);
        this.#cells.get(name).focus();
    }

    #key(event) {
        const at = this.#names.indexOf(this.#current);
        const last = this.#names.length - 1;
        const steps = {
            ArrowLeft: at - 1,
            ArrowRight: at + 1,
            ArrowUp: at - this.#columns(),
            ArrowDown: at + this.#columns(),
            Home: 0,
            End: last,
        };
        if (event.key in steps) {
            this.#stand(this.#names[Math.min(Math.max(steps[event.key], 0), last)]);
            this.#cells.get(this.#current)?.focus();
        } else if (event.key === " " || event.key === "Enter") this.#toggle(this.#current);
        else if (event.key === "Escape") this.#set([]);
        else if (event.key === "a" && (event.ctrlKey || event.metaKey)) this.#set(this.#names);
        else return;
        event.preventDefault();
    }

    #toggle(name) {
        if (!this.chosen.delete(name)) this.chosen.add(name);
        this.#set(this.chosen);
    }

    #chooseRange(one, other) {
        const [from, to] = [this.#names.indexOf(one), this.#names.indexOf(other)].sort((a, b) => a - b);
        this.#set([...this.chosen, ...this.#names.slice(from, to + 1)]);
    }

    #set(names) {
        this.choose(names);
        this.#changed();
    }

    #columns() {
        const [first, ...rest] = this.#cells.values();
        const wrapped = rest.findIndex((cell) => cell.offsetTop > first.offsetTop);
        return wrapped < 0 ? this.#names.length : wrapped + 1;
    }
}
