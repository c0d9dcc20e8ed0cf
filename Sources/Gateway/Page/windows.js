import { Refusal, get, query } from "./api.js";
import { CONTROL, STDERR, STDOUT } from "./lines.js";

/** Lines of a window, all beginning at multiples of it. */
const SIZE = 150;
/** As many windows are kept; the one looked at longest ago is let go. */
const KEPT = 24;
const TAIL_MILLISECONDS = 150;
const RETRY_MILLISECONDS = 1000;

/**
 * The lines of an execution whose output is too much for the page: those in sight come from the gateway, a window at a
 * time. Says "changed" when there is more to see, "failed" with a Refusal.
 */
export class Windows extends EventTarget {
    #path;
    #query;
    #windows = new Map();
    #tail = { from: 0, rows: [] };
    #open = [];
    #total = 0;
    #wanted = [];
    #isLoading = false;
    #isRefreshing = false;
    #isStale = false;
    #isClosed = false;
    revision = 0;

    /** `filter` is the query that chooses runs and streams. */
    constructor(execution, filter) {
        super();
        this.#path = `executions/${execution}/lines`;
        this.#query = filter;
        this.grown();
    }

    get count() {
        return this.#total + this.#open.length;
    }

    close() {
        this.#isClosed = true;
    }

    /** The row at a place; nothing while it is on its way. */
    row(position) {
        if (position >= this.#total) return this.#open[position - this.#total];
        const { from, rows } = this.#tail;
        if (position >= from && position < from + rows.length) return rows[position - from];
        return this.#windows.get(Math.floor(position / SIZE))?.[position % SIZE];
    }

    /** These places are in sight: what is missing of them is fetched. What is in sight no more is not waited for. */
    want(first, last) {
        this.#wanted = [];
        for (let number = Math.floor(first / SIZE); number * SIZE < Math.min(last, this.#total); number += 1) {
            const rows = this.#windows.get(number);
            if (rows) {
                this.#windows.delete(number);
                this.#windows.set(number, rows);
            }
            if (!this.#has(number, first, last)) this.#wanted.push(number);
        }
        if (!this.#isLoading) this.#load();
    }

    /** There is more in the log: its end is looked at again, not oftener than eyes can follow. */
    async grown() {
        this.#isStale = true;
        if (this.#isRefreshing) return;
        this.#isRefreshing = true;
        while (this.#isStale && !this.#isClosed) {
            this.#isStale = false;
            await this.#fetch({ count: SIZE }, (answer) => {
                this.#tail = { from: answer.from, rows: answer.lines.map(rowOf) };
                this.#open = (answer.open ?? []).map(rowOf);
            });
            await pause(TAIL_MILLISECONDS);
        }
        this.#isRefreshing = false;
    }

    #has(number, first, last) {
        const from = Math.max(first, number * SIZE);
        const to = Math.min(last, (number + 1) * SIZE, this.#total);
        for (let position = from; position < to; position += 1) if (!this.row(position)) return false;
        return true;
    }

    async #load() {
        this.#isLoading = true;
        while (this.#wanted.length > 0 && !this.#isClosed) {
            const number = this.#wanted[0];
            const known = this.#windows.get(number) ?? [];
            const from = number * SIZE + known.length;
            const isThere = await this.#fetch({ from, count: SIZE - known.length }, (answer) => {
                this.#keep(number, [...known, ...answer.lines.map(rowOf)]);
                if (answer.lines.length === 0) this.#forget(number);
            });
            if (!isThere) {
                await pause(RETRY_MILLISECONDS);
            } else if (this.#windows.get(number)?.length === SIZE || from + SIZE >= this.#total) {
                this.#forget(number);
            }
        }
        this.#isLoading = false;
    }

    #forget(number) {
        this.#wanted = this.#wanted.filter((other) => other !== number);
    }

    #keep(number, rows) {
        this.#windows.delete(number);
        this.#windows.set(number, rows);
        for (const old of [...this.#windows.keys()].slice(0, -KEPT)) this.#windows.delete(old);
    }

    /** True where there was an answer. */
    async #fetch(place, take) {
        try {
            const answer = await get(`${this.#path}?${query({ ...place, ...this.#query })}`);
            if (this.#isClosed) return true;
            this.#total = Math.max(this.#total, answer.total);
            take(answer);
            this.revision += 1;
            this.dispatchEvent(new Event("changed"));
            return true;
        } catch (error) {
            if (!(error instanceof Refusal)) throw error;
            // A gateway that is away comes back; anything else is said.
            if (error.status !== 0) this.dispatchEvent(new CustomEvent("failed", { detail: error }));
            return false;
        }
    }
}

const STREAMS = { stdout: STDOUT, stderr: STDERR };

/** A line of the API as a row. */
export function rowOf(line) {
    const row = { run: line.run, stream: STREAMS[line.stream] ?? CONTROL, time: line.time, isCut: Boolean(line.cut) };
    if (line.gap) row.gap = { ...line.gap, before: (line.before ?? []).map(rowOf) };
    else if (line.base64 === undefined) row.text = line.text;
    else row.bytes = Uint8Array.from(atob(line.base64), (character) => character.charCodeAt(0));
    return row;
}

function pause(milliseconds) {
    return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
