import { element } from "./element.js";
import { tame } from "./escapes.js";
import { CONTROL, STDERR, Selection } from "./lines.js";
import { onceAFrame } from "./pacing.js";

/** Height of a line; the style sheet has the same. */
const LINE = 20;
/** Browsers lose elements taller than some 33 million pixels: beyond this the scroll bar is a scale, not a ruler. */
const TALLEST = 15_000_000;
const MARGIN = 10;

/** Shows the lines of a transcript, of which only those in sight are elements, however many there are. */
export class Viewer {
    #selection;
    #rows = element("div", { class: "rows" });
    #spacer = element("div", { class: "spacer" });
    #shown = "";
    #label;
    #resize;
    follows = true;
    /** Draws what has changed, once a frame however often it is called. */
    update = onceAFrame(() => this.node.isConnected && this.#draw());

    /** `label(run)` is the name in front of a line; `followed(bool)` is called when scrolling switches following. */
    constructor(transcript, label, followed) {
        this.#selection = new Selection(transcript);
        this.#label = label;
        this.node = element(
            "div",
            { class: "viewer", role: "region", "aria-label": "Output", tabindex: "0" },
            element("div", { class: "width" }, this.#spacer, this.#rows),
        );
        this.node.addEventListener("scroll", () => {
            const atEnd = this.node.scrollTop + this.node.clientHeight >= this.node.scrollHeight - LINE;
            if (atEnd !== this.follows) followed((this.follows = atEnd));
            this.update();
        }, { passive: true });
        this.#resize = new ResizeObserver(() => this.update());
        this.#resize.observe(this.node);
    }

    get lines() {
        return this.#selection.lines;
    }

    /** Shows only what `accepts(run, stream)`; without it everything. */
    select(transcript, accepts) {
        this.#selection = new Selection(transcript, accepts);
        this.#shown = "";
        this.update();
    }

    follow(follows) {
        this.follows = follows;
        this.#shown = "";
        this.update();
    }

    close() {
        this.#resize.disconnect();
    }

    #draw() {
        const total = this.#selection.count;
        const height = Math.min(total * LINE, TALLEST);
        this.#spacer.style.height = `${height}px`;
        if (this.follows) this.node.scrollTop = this.node.scrollHeight;
        const { first, last, offset } = place(total, height, this.node.scrollTop, this.node.clientHeight);
        const key = `${first} ${last} ${this.#selection.transcript.revision}`;
        if (key === this.#shown) return;
        this.#shown = key;
        this.#rows.style.transform = `translateY(${offset}px)`;
        this.#rows.replaceChildren(...Array.from({ length: last - first }, (_, index) => this.#row(first + index)));
    }

    #row(position) {
        const { transcript } = this.#selection;
        const index = this.#selection.index(position);
        const stream = transcript.streamOf(index);
        const text = element("span", { class: "text" });
        const row = element("div", { class: "line", "data-line": position + 1 }, this.#name(transcript, index));
        if (stream === CONTROL) {
            row.classList.add("gap");
            text.append(transcript.text(index));
        } else {
            row.classList.toggle("err", stream === STDERR);
            row.append(streamMark(stream));
            for (const { text: part, classes } of tame(transcript.text(index))) {
                text.append(classes ? element("span", { class: classes }, part) : part);
            }
        }
        row.append(text);
        return row;
    }

    #name(transcript, index) {
        const name = transcript.isContinued(index) ? "⤷" : this.#label(transcript.runOf(index));
        return element(
            "span",
            { class: "name", title: transcript.isContinued(index) ? "The line goes on" : name },
            name,
        );
    }
}

/** What tells stderr apart without its colour: a word to see, and one to hear. */
function streamMark(stream) {
    if (stream !== STDERR) return element("span", { class: "stream" });
    const heard = element("span", { class: "visually-hidden" }, " (stderr): ");
    return element("span", { class: "stream", title: "stderr" }, "err", heard);
}

/**
 * Which lines are drawn, and how far down. While the list is as tall as its lines a pixel is a pixel; taller lists are
 * scrolled by proportion.
 */
function place(total, height, top, room) {
    const isExact = total * LINE === height;
    const visible = Math.ceil(room / LINE);
    const part = Math.min(1, top / Math.max(1, height - room));
    const exact = isExact ? top / LINE : part * Math.max(0, total - room / LINE);
    const first = Math.max(0, Math.floor(exact) - MARGIN);
    const last = Math.min(total, Math.ceil(exact) + visible + MARGIN);
    return { first, last, offset: isExact ? first * LINE : top - (exact - first) * LINE };
}
