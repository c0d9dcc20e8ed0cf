import { button, element } from "./element.js";
import { Search } from "./search.js";

/** What is typed is looked for when nothing more has been typed for so long. */
const PAUSE_MILLISECONDS = 300;

/** Looks for text in the whole output and goes from match to match. */
export class SearchBar {
    #search;
    #at = -1;
    #timer;
    #heedsCase = false;
    #isPattern = false;

    /** `options` are the viewer's; `filter()` says what is shown. */
    constructor(id, viewer, options, filter) {
        Object.assign(this, { id, viewer, options, filter });
        this.text = element("input", {
            class: "form-control",
            type: "search",
            placeholder: "Search the output",
            "aria-label": "Search the output",
            spellcheck: "false",
            autocapitalize: "none",
            on: {
                input: () => this.#later(),
                keydown: (event) => this.#key(event),
            },
        });
        const heeds = this.#option("Aa", "Heed upper and lower case", (on) => (this.#heedsCase = on));
        const pattern = this.#option(".*", "Regular expression", (on) => (this.#isPattern = on));
        this.previous = button("↑", () => this.step(-1), { "aria-label": "Previous match", disabled: true });
        this.next = button("↓", () => this.step(1), { "aria-label": "Next match", disabled: true });
        this.found = element("span", { class: "quiet found-count", role: "status" });
        this.node = element(
            "span",
            { class: "search", role: "search" },
            this.text,
            heeds,
            pattern,
            this.previous,
            this.next,
            this.found,
        );
    }

    close() {
        clearTimeout(this.#timer);
        this.#search?.close();
    }

    /** Looks for the same in what is shown now. */
    again() {
        if (this.text.value) this.#begin();
    }

    /** Goes to the next match, or the one before; behind the last comes the first. */
    step(direction) {
        const { count } = this.#search ?? { count: 0 };
        if (count === 0) return;
        this.#goTo((this.#at + direction + count) % count);
    }

    #option(word, name, change) {
        const node = button(word, () => {
            const on = node.getAttribute("aria-pressed") !== "true";
            node.setAttribute("aria-pressed", String(on));
            change(on);
            this.again();
        }, { class: "mono", "aria-pressed": "false", "aria-label": name, title: name });
        return node;
    }

    #key(event) {
        if (event.key === "Escape") {
            this.text.value = "";
            this.#begin();
        } else if (event.key === "Enter") {
            event.preventDefault();
            if (this.#search?.text === this.text.value) this.step(event.shiftKey ? -1 : 1);
            else this.#begin();
        }
    }

    #later() {
        clearTimeout(this.#timer);
        this.#timer = setTimeout(() => this.#begin(), PAUSE_MILLISECONDS);
    }

    #begin() {
        this.close();
        this.#at = -1;
        this.#search = undefined;
        if (this.text.value) {
            const wish = { isPattern: this.#isPattern, heedsCase: this.#heedsCase, filter: this.filter() };
            const search = new Search(this.id, this.text.value, wish);
            const from = this.viewer.firstInSight;
            search.addEventListener("changed", () => this.#changed(search, from));
            search.addEventListener("failed", ({ detail }) => (this.found.textContent = detail.sentence));
            this.#search = search;
            this.found.textContent = "…";
        } else {
            this.found.textContent = "";
        }
        this.#mark();
    }

    #changed(search, from) {
        if (search !== this.#search) return;
        // The first one from where one reads, or the very first where there is none.
        const first = search.after(from);
        if (this.#at < 0 && first < search.count) this.#goTo(first);
        else if (this.#at < 0 && search.isDone && search.count > 0) this.#goTo(0);
        else this.#tell();
        this.#mark();
    }

    #goTo(index) {
        this.#at = index;
        const place = this.#search.at(index);
        this.options.current = place;
        this.viewer.jump(place);
        this.#tell();
    }

    #tell() {
        const { count, isDone, hasMore } = this.#search;
        const number = count.toLocaleString("en") + (hasMore ? "+" : isDone ? "" : "…");
        if (count > 0) this.found.textContent = `${(this.#at + 1).toLocaleString("en")} of ${number}`;
        else this.found.textContent = isDone ? "nothing found" : "…";
        this.previous.disabled = this.next.disabled = count === 0;
    }

    #mark() {
        this.options.search = this.#search;
        if (!this.#search) {
            this.options.current = undefined;
            this.previous.disabled = this.next.disabled = true;
        }
        this.viewer.redraw();
    }
}
