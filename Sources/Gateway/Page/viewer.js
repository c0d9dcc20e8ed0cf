import { element } from "./element.js";
import { tame } from "./escapes.js";
import { CONTROL, STDERR, Selection } from "./lines.js";

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
    #frame;
    #shown = "";
    #label;
    #resize;
    follows = true;

    /** `label(run)` is the name in front of a line; `followed(bool)` is called when scrolling switches following. */
    constructor(transcript, label, followed) {
        this.#selection = new Selection(transcript);
        this.#label = label;
        this.node = element("div", { class: "viewer", role: "region", "aria-label": "Output", tabindex: "0" }, element("div", { class: "width" }, this.#spacer, this.#rows));
        this.node.addEventListener("scroll", () => {
            const atEnd = this.node.scrollTop + this.node.clientHeight >= this.node.scrollHeight - LINE;
            if (atEnd !== this.follows) followed((this.follows = atEnd));
            this.update();
        }, { passive: true });
        this.#resize = new ResizeObserver(() => this.update());
        this.#resize.observe(this.node);
    }

    get count() {
        return this.#selection.count;
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

    /** Draws in the next frame of the screen, once for all that comes before it. */
    update() {
        this.#frame ??= requestAnimationFrame(() => {
            this.#frame = undefined;
            this.#draw();
        });
    }

    close() {
        cancelAnimationFrame(this.#frame);
        this.#resize.disconnect();
    }

    #draw() {
        const total = this.#selection.count;
        const height = Math.min(total * LINE, TALLEST);
        const visible = Math.ceil(this.node.clientHeight / LINE);
        this.#spacer.style.height = `${height}px`;
        if (this.follows) this.node.scrollTop = this.node.scrollHeight;
        const top = this.node.scrollTop;
        const room = Math.max(1, height - this.node.clientHeight);
        const exact = total * LINE === height ? top / LINE : (Math.min(top, room) / room) * Math.max(0, total - visible);
        const first = Math.max(0, Math.floor(exact) - MARGIN);
        const last = Math.min(total, Math.ceil(exact) + visible + MARGIN);
        const key = `${first} ${last} ${this.#selection.transcript.revision}`;
        if (key === this.#shown) return;
        this.#shown = key;
        const offset = total * LINE === height ? first * LINE : Math.max(0, Math.min(top - (exact - first) * LINE, height - (last - first) * LINE));
        this.#rows.style.transform = `translateY(${offset}px)`;
        const rows = [];
        for (let position = first; position < last; position += 1) {
            const row = this.#row(position);
            row.dataset.line = position + 1;
            rows.push(row);
        }
        this.#rows.replaceChildren(...rows);
    }

    #row(position) {
        const { transcript } = this.#selection;
        const index = this.#selection.index(position);
        const stream = transcript.streamOf(index);
        if (stream === CONTROL) return element("div", { class: "line gap" }, this.#name(transcript, index), element("span", { class: "text" }, transcript.text(index)));
        const text = element("span", { class: "text" });
        for (const { text: part, classes } of tame(transcript.text(index))) text.append(classes ? element("span", { class: classes }, part) : part);
        const mark = stream === STDERR ? element("span", { class: "stream", title: "stderr" }, "err") : element("span", { class: "stream" });
        if (stream === STDERR) mark.append(element("span", { class: "visually-hidden" }, " (stderr): "));
        return element("div", { class: stream === STDERR ? "line err" : "line" }, this.#name(transcript, index), mark, text);
    }

    #name(transcript, index) {
        const name = transcript.isContinued(index) ? "⤷" : this.#label(transcript.runOf(index));
        return element("span", { class: "name", title: transcript.isContinued(index) ? "The line goes on" : name }, name);
    }
}
