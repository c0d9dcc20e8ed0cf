import { Column } from "./arena.js";
import { Refusal, address, query, refused, unreachable } from "./api.js";

/** More places than this are not gone through one by one. */
const MOST = 100_000;

/**
 * A search of an execution's whole log in the gateway. Says "changed" when it has found more or is through, "failed"
 * with a Refusal.
 */
export class Search extends EventTarget {
    #found = new Column(Float64Array);
    #abort = new AbortController();
    /** Lines looked through. */
    line = 0;
    isDone = false;
    /** There are more than were told. */
    hasMore = false;

    /** `filter` is the query that chooses runs and streams; `isPattern` takes the text as a regular expression. */
    constructor(execution, text, { isPattern, heedsCase, filter }) {
        super();
        this.text = text;
        this.isPattern = isPattern;
        this.heedsCase = heedsCase;
        const wish = { q: text, most: MOST, ...filter };
        if (isPattern) wish.regex = "true";
        if (heedsCase) wish.case = "true";
        this.#run(address(`executions/${execution}/search?${query(wish)}`));
    }

    get count() {
        return this.#found.length;
    }

    /** The place of match number `index` among the lines. */
    at(index) {
        return this.#found.at(index);
    }

    /** The number of the first match at or behind a place. */
    after(place) {
        let [low, high] = [0, this.count];
        while (low < high) {
            const middle = (low + high) >> 1;
            if (this.#found.at(middle) < place) low = middle + 1;
            else high = middle;
        }
        return low;
    }

    has(place) {
        const index = this.after(place);
        return index < this.count && this.#found.at(index) === place;
    }

    close() {
        this.#abort.abort();
    }

    async #run(url) {
        try {
            const response = await fetch(url, {
                headers: { "X-Estiba": "1" },
                credentials: "same-origin",
                cache: "no-store",
                signal: this.#abort.signal,
            });
            if (!response.ok) return this.#fail(refused(response.status, await response.text()));
            for await (const line of linesOf(response.body)) this.#take(JSON.parse(line));
        } catch {
            if (!this.#abort.signal.aborted) this.#fail(unreachable());
        }
    }

    #take(found) {
        if (found.error) return this.#fail(new Refusal(200, found.error.code, found.error.sentence));
        for (const place of found.matches) this.#found.push(place);
        this.line = found.line;
        this.isDone = Boolean(found.done);
        this.hasMore = Boolean(found.more);
        this.dispatchEvent(new Event("changed"));
    }

    #fail(refusal) {
        this.isDone = true;
        this.dispatchEvent(new CustomEvent("failed", { detail: refusal }));
    }
}

async function* linesOf(stream) {
    const reader = stream.pipeThrough(new TextDecoderStream()).getReader();
    let rest = "";
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
        const lines = (rest + part.value).split("\n");
        rest = lines.pop();
        yield* lines;
    }
}
