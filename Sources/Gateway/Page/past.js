const MOST = 200;

/** A user's earlier commands in this browser, brought back by the arrow keys; what was begun is kept below the newest. */
export class Past {
    #key;
    #lines;
    #at = 0;
    #begun = "";

    /** `store` keeps texts by key, as localStorage does. */
    constructor(user, input, store = localStorage) {
        Object.assign(this, { input, store });
        this.#key = `estiba-commands-${user}`;
        this.#lines = read(store, this.#key);
        input.addEventListener("keydown", (event) => {
            const step = { ArrowUp: 1, ArrowDown: -1 }[event.key];
            if (!step || event.ctrlKey || event.altKey || event.metaKey) return;
            event.preventDefault();
            this.#go(step);
        });
        input.addEventListener("input", (event) => event.isTrusted && (this.#at = 0));
    }

    add(line) {
        this.#lines = [...this.#lines.filter((other) => other !== line), line].slice(-MOST);
        this.#at = 0;
        this.store.setItem(this.#key, JSON.stringify(this.#lines));
    }

    #go(step) {
        if (this.#at === 0) this.#begun = this.input.value;
        this.#at = Math.min(Math.max(this.#at + step, 0), this.#lines.length);
        this.input.value = this.#at === 0 ? this.#begun : this.#lines[this.#lines.length - this.#at];
        this.input.dispatchEvent(new Event("input"));
    }
}

/** What is not a list of texts is nothing. */
function read(store, key) {
    try {
        const lines = JSON.parse(store.getItem(key) ?? "[]");
        return Array.isArray(lines) ? lines.filter((line) => typeof line === "string") : [];
    } catch {
        return [];
    }
}
