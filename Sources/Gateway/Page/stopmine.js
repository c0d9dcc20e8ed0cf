import { Refusal, post } from "./api.js";
import { button, element } from "./element.js";
import { count } from "./format.js";
import { fold } from "./nodeset.js";

/** Stops everything of the user's on some nodes: asks first, and says what it did. `names()` gives the nodes. */
export class StopMine {
    #words = element("span", { class: "quiet", role: "status" });

    constructor(context, names) {
        this.names = names;
        this.ask = button("Stop all mine here", () => this.#asked(), { class: "link danger" });
        this.yes = button("Stop them", () => this.#stop(), { class: "danger", hidden: true });
        this.no = button("Keep them", () => this.#show(false), { hidden: true });
        this.node = element("span", { class: "stop-mine" }, this.ask, this.#words, this.yes, this.no);
    }

    /** Says what the button is for. */
    label(text) {
        this.ask.textContent = text;
    }

    #asked() {
        this.#words.textContent = `Everything you run on ${fold(this.names())} ends.`;
        this.#show(true);
        this.yes.focus();
    }

    #show(asks) {
        this.ask.hidden = asks;
        this.yes.hidden = this.no.hidden = !asks;
        if (!asks) {
            this.#words.textContent = "";
            this.ask.focus();
        }
    }

    async #stop() {
        const nodes = this.names();
        this.#show(false);
        try {
            const { stopping } = await post("stop", { nodes });
            const runs = stopping.reduce((sum, { nodes }) => sum + nodes.length, 0);
            this.#words.textContent = runs === 0 ? "Nothing of yours runs there." : `Stopping ${count(runs, "run")}.`;
        } catch (error) {
            if (!(error instanceof Refusal)) throw error;
            this.#words.textContent = error.sentence;
        }
    }
}
