import { Transcript } from "./lines.js";
import { onceAFrame } from "./pacing.js";

/** More output than this stays in the gateway, and is shown by windows. */
const MOST_BYTES = 16 << 20;
const MOST_LINES = 300_000;

/**
 * An execution as the live connection tells it: what it is, the state of its runs, its output. Says "changed"
 * (execution or runs), "output", "reset" and "refused" (with the failure). Once `isLarge`, there is no transcript, and
 * "output" says that there is more in the gateway.
 */
export class Following extends EventTarget {
    execution;
    runs = new Map();
    transcript = new Transcript();
    isComplete = false;
    isLarge = false;
    #live;
    #id;
    #end;
    #tellChanged = onceAFrame(() => this.dispatchEvent(new Event("changed")));

    constructor(live, id) {
        super();
        this.#live = live;
        this.#id = id;
        this.#follow(MOST_BYTES);
    }

    #follow(most) {
        this.#end = this.#live.follow(this.#id, {
            opened: (message) => this.#opened(message.execution),
            reset: () => this.#reset(),
            entries: (entries) => this.#append(entries),
            large: () => this.#grown(),
            run: (run) => this.#setRuns([run]),
            caughtUp: () => this.dispatchEvent(new Event("caught-up")),
            complete: () => this.#complete(),
            owner: (message) => this.#owner(message),
            refused: (failure) => this.dispatchEvent(new CustomEvent("refused", { detail: failure })),
        }, { most });
    }

    /** The runs in the order of their numbers. */
    get inOrder() {
        return [...this.runs.values()].sort((one, other) => one.run - other.run);
    }

    get isActive() {
        return this.inOrder.some((run) => !run.terminal);
    }

    close() {
        this.#end();
    }

    #opened(execution) {
        this.execution = execution;
        this.isComplete = execution.complete;
        this.#setRuns(execution.runs ?? []);
    }

    #setRuns(runs) {
        for (const run of runs) this.runs.set(run.run, run);
        this.#tellChanged();
    }

    #append(entries) {
        for (const entry of entries) this.transcript.append(entry);
        if (this.transcript.count > MOST_LINES) {
            this.#end();
            this.#follow(0);
            this.#grown();
        } else {
            this.dispatchEvent(new Event("output"));
        }
    }

    #grown() {
        const isNew = !this.isLarge;
        this.isLarge = true;
        if (isNew) this.#reset();
        this.dispatchEvent(new Event("output"));
    }

    #reset() {
        this.transcript = new Transcript();
        this.dispatchEvent(new Event("reset"));
    }

    #owner({ owner, ownerAwaySince }) {
        this.execution = { ...this.execution, owner, ownerAwaySince };
        this.#tellChanged();
    }

    #complete() {
        this.isComplete = true;
        this.#tellChanged();
    }
}
