import { duration, size } from "./format.js";

/** The rate is that of the last seconds: what was long ago says little of what remains. */
const WINDOW_MILLISECONDS = 5000;
/** A rate over less time than this jumps about. */
const SHORTEST_MILLISECONDS = 800;

/** How fast something goes, told of its bytes as they go. Knows no clock. */
export class Rate {
    #marks = [];

    /** `bytes` have gone in all at `milliseconds`. Going back (what was sent was lost) begins anew. */
    add(milliseconds, bytes) {
        if (bytes < (this.#marks.at(-1)?.bytes ?? 0)) this.#marks = [];
        this.#marks.push({ milliseconds, bytes });
        while (this.#marks.length > 2 && milliseconds - this.#marks[1].milliseconds >= WINDOW_MILLISECONDS) {
            this.#marks.shift();
        }
    }

    /** Bytes a second; undefined while too little is known. */
    get perSecond() {
        const [first] = this.#marks;
        const last = this.#marks.at(-1);
        const milliseconds = last ? last.milliseconds - first.milliseconds : 0;
        if (milliseconds < SHORTEST_MILLISECONDS) return undefined;
        return ((last.bytes - first.bytes) * 1000) / milliseconds;
    }
}

/** `72 % · 34.7 MB of 48.2 MB · 12 MB/s · 1.1 s left` */
export function progressWords(sent, total, perSecond) {
    const part = total > 0 ? Math.floor((sent * 100) / total) : 100;
    const words = [`${part} %`, `${size(sent)} of ${size(total)}`];
    if (perSecond > 0 && sent < total) {
        words.push(`${size(Math.round(perSecond))}/s`, `${duration(((total - sent) * 1000) / perSecond)} left`);
    }
    return words.join(" · ");
}
