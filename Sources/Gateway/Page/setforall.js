import { button, element, field, tick } from "./element.js";
import { count } from "./format.js";

/** One row of options that is set for all files at once, shown where there are several. */
export class SetForAll {
    #folder = element("input", {
        class: "form-control mono",
        placeholder: "as each has it",
        spellcheck: "false",
        autocapitalize: "none",
        autocomplete: "off",
    });
    #title = element("summary");

    /** `cards()` are the cards of now; `changed()` follows a setting; `clear()` takes all away. */
    constructor(cards, changed, clear) {
        Object.assign(this, { cards, changed });
        const ticks = [["Overwrite", "overwrite", true], ["Create folder", "create", true], ["Keep the previous ones", "keep", false]];
        this.ticks = ticks.map(([label, name, on]) => ({ name, ...tick(label, on) }));
        this.node = element(
            "details",
            { class: "all", hidden: true },
            this.#title,
            element(
                "div",
                { class: "options" },
                field("Folder of all", this.#folder),
                element("div", { class: "ticks wide" }, this.ticks.map(({ node }) => node)),
                element(
                    "div",
                    { class: "acts wide" },
                    button("Set for all", () => this.#set()),
                    button("Take all away", clear, { class: "link danger" }),
                ),
            ),
        );
    }

    update() {
        const number = this.cards().length;
        this.node.hidden = number < 2;
        this.#title.textContent = `For all ${count(number, "file")}`;
    }

    #set() {
        const folder = this.#folder.value.trim();
        for (const card of this.cards()) {
            const { options } = card;
            if (folder && !options.folder.disabled) options.folder.value = folder;
            for (const { name, box } of this.ticks) options[name].box.checked = box.checked;
            card.refresh();
        }
        this.changed();
    }
}
