import { element } from "./element.js";
import { rowElement } from "./row.js";
import { onceAFrame } from "./pacing.js";

/** Height of a line that is not wrapped; the style sheet has the same. */
const LINE = 20;
/** Browsers lose elements taller than some 33 million pixels: beyond this the scroll bar is a scale, not a ruler. */
const TALLEST = 15_000_000;
const MARGIN = 10;
/** A scroll bar that is moved by more rooms than this at once jumps; by less it moves. */
const JUMP = 3;

/**
 * Shows lines of which only those in sight are elements, however many there are. `lines` has `count`, `revision`,
 * `row(place)` (nothing while it is on its way) and `want(first, last)`.
 *
 * While every line is as tall as any other and the list not too tall, a pixel of the scroll bar is a pixel. Otherwise an
 * anchor says which line is at the top and how far it is scrolled out, and the scroll bar follows it.
 */
export class Viewer {
    #lines;
    #rows = element("div", { class: "rows" });
    #spacer = element("div", { class: "spacer" });
    #shown = "";
    #anchor = { line: 0, pixels: 0 };
    /** How far the top of what is in sight lies below the first row drawn. */
    #offset = 0;
    /** Whether it was the reader who moved it. */
    #isMoved = false;
    #top = 0;
    #resize;
    #options;
    follows = true;
    #wraps = false;
    /** Draws what has changed, once a frame however often it is called. */
    update = onceAFrame(() => this.node.isConnected && this.#draw());

    /**
     * `options`: `label(run)` is the name in front of a line, `raw(run, stream)` where its bytes are, `hasTimes`, `search`
     * (what is found is marked) and `current` (the place of the match one is at); `followed(bool)` is called when scrolling
     * switches following.
     */
    constructor(lines, options) {
        this.#lines = lines;
        this.#options = options;
        this.node = element(
            "div",
            { class: "viewer", role: "region", "aria-label": "Output", tabindex: "0" },
            element("div", { class: "width" }, this.#spacer, this.#rows),
        );
        this.node.addEventListener("scroll", () => this.#scrolled(), { passive: true });
        this.node.addEventListener("scrollend", () => {
            this.#scrolled();
            if (!this.#isExact) this.#settle();
        });
        this.node.addEventListener("wheel", (event) => this.#wheel(event), { passive: false });
        this.node.addEventListener("keydown", (event) => this.#key(event));
        this.#resize = new ResizeObserver(() => this.update());
        this.#resize.observe(this.node);
    }

    /** Shows other lines, or the same otherwise. */
    show(lines) {
        this.#lines = lines;
        this.redraw();
    }

    redraw() {
        this.#shown = "";
        this.update();
    }

    wrap(wraps) {
        const first = this.firstInSight;
        this.#wraps = wraps;
        this.node.classList.toggle("wraps", wraps);
        if (!this.follows) this.jump(first, 0);
        this.redraw();
    }

    follow(follows) {
        this.follows = follows;
        this.redraw();
    }

    close() {
        this.#resize.disconnect();
    }

    get firstInSight() {
        return this.#isExact ? Math.floor(this.node.scrollTop / LINE) : this.#anchor.line;
    }

    /** Brings a line into sight, a third down unless said otherwise, and stops following. */
    jump(line, down = 1 / 3) {
        this.#stopFollowing(true);
        const before = Math.floor((this.node.clientHeight * down) / LINE);
        this.#anchor = { line: Math.max(0, Math.min(line - before, this.#lines.count - 1)), pixels: 0 };
        this.#spacer.style.height = `${this.#height}px`;
        if (this.#isExact) this.#setTop(this.#anchor.line * LINE);
        else this.#settle();
        this.redraw();
    }

    get #height() {
        return Math.min(this.#lines.count * LINE, TALLEST);
    }

    get #isExact() {
        return !this.#wraps && this.#lines.count * LINE <= TALLEST;
    }

    #setTop(top) {
        this.node.scrollTop = top;
        this.#top = this.node.scrollTop;
    }

    #stopFollowing(stops) {
        if (stops !== this.follows) return;
        this.follows = !stops;
        this.#options.followed(this.follows);
    }

    #scrolled() {
        const { scrollTop, clientHeight, scrollHeight } = this.node;
        const delta = scrollTop - this.#top;
        if (delta === 0) return;
        this.#top = scrollTop;
        const isAtEnd = scrollTop + clientHeight >= scrollHeight - LINE;
        if (this.#isExact) this.#stopFollowing(!isAtEnd);
        else if (Math.abs(delta) > JUMP * clientHeight) this.#goTo(scrollTop / Math.max(1, scrollHeight - clientHeight));
        else this.#move(delta);
        this.update();
    }

    #goTo(part) {
        this.#stopFollowing(part < 1);
        this.#isMoved = true;
        const most = Math.max(0, this.#lines.count - this.node.clientHeight / LINE);
        this.#anchor = { line: Math.round(part * most), pixels: 0 };
    }

    #move(pixels) {
        if (pixels < 0) this.#stopFollowing(true);
        this.#isMoved = true;
        this.#anchor.pixels += pixels;
        this.update();
    }

    #wheel(event) {
        if (this.#isExact || event.ctrlKey || event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) return;
        event.preventDefault();
        this.#move(event.deltaY * [1, LINE, this.node.clientHeight][event.deltaMode]);
    }

    #key(event) {
        if (this.#isExact || event.ctrlKey || event.altKey || event.metaKey) return;
        const page = this.node.clientHeight - LINE;
        const steps = { ArrowDown: LINE, ArrowUp: -LINE, PageDown: page, PageUp: -page, " ": page };
        if (event.key in steps) this.#move(steps[event.key]);
        else if (event.key === "Home") this.#goTo(0);
        else if (event.key === "End") this.#goTo(1);
        else return;
        event.preventDefault();
        this.update();
    }

    #draw() {
        this.#spacer.style.height = `${this.#height}px`;
        if (this.#isExact) this.#drawExact();
        else this.#drawAnchored();
    }

    #drawExact() {
        const { count } = this.#lines;
        if (this.follows) this.#setTop(this.node.scrollHeight);
        const exact = this.node.scrollTop / LINE;
        const first = Math.max(0, Math.floor(exact) - MARGIN);
        const last = Math.min(count, Math.ceil(exact) + this.#room + MARGIN);
        this.#anchor = { line: Math.floor(exact), pixels: 0 };
        this.#place(first * LINE);
        this.#fill(first, last);
    }

    #drawAnchored() {
        // What the reader has scrolled since is not to be taken back.
        this.#scrolled();
        const { count } = this.#lines;
        if (this.follows) this.#anchor = { line: Math.max(0, count - 1), pixels: 0 };
        // What is above in a wrapped list is known by what was drawn: it may take a second look to be right.
        for (let look = 0; look < 3; look += 1) {
            const { line } = this.#anchor;
            const above = this.follows ? this.#room + MARGIN : MARGIN + Math.ceil(Math.max(0, -this.#anchor.pixels) / LINE);
            const first = Math.max(0, Math.min(line, count) - above);
            const last = Math.min(count, line + this.#room + MARGIN + Math.ceil(Math.max(0, this.#anchor.pixels) / LINE));
            this.#fill(first, last);
            if (this.#settleAnchor(first, last)) break;
        }
        this.#isMoved = false;
        this.#settle();
    }

    /** Makes the anchor a line that is at the top of what is in sight; false where more has to be drawn for it. */
    #settleAnchor(first, last) {
        const rows = this.#rows.children;
        const room = this.node.clientHeight;
        const topOf = (line) => rows[line - first]?.offsetTop ?? 0;
        const height = this.#rows.offsetHeight;
        let top = topOf(this.#anchor.line) + this.#anchor.pixels;
        if (last === this.#lines.count && (this.follows || top + room >= height)) {
            top = Math.max(height - room, first === 0 ? 0 : -Infinity);
            if (this.#isMoved) this.#stopFollowing(false);
        }
        if (top < 0 && first > 0) {
            this.#anchor = { line: first, pixels: top };
            return false;
        }
        top = Math.max(0, top);
        let line = first;
        while (line + 1 < last && topOf(line + 1) <= top) line += 1;
        this.#anchor = { line, pixels: top - topOf(line) };
        this.#offset = top;
        return top + room <= height || last === this.#lines.count;
    }

    /** Puts the scroll bar where the anchor is, and the rows where the scroll bar is. */
    #settle() {
        const { count } = this.#lines;
        const most = Math.max(0, this.node.scrollHeight - this.node.clientHeight);
        const lines = Math.max(1, count - this.node.clientHeight / LINE);
        const part = this.follows ? 1 : Math.min(1, this.#anchor.line / lines);
        this.#setTop(Math.round(part * most));
        this.#place(this.#top - this.#offset);
    }

    get #room() {
        return Math.ceil(this.node.clientHeight / LINE);
    }

    #place(top) {
        this.#rows.style.transform = `translateY(${top}px)`;
    }

    #fill(first, last) {
        this.#lines.want(first, last);
        const { search, current, hasTimes } = this.#options;
        const key = [first, last, this.#lines.revision, search?.count, current, hasTimes].join(" ");
        if (key === this.#shown) return;
        this.#shown = key;
        this.#rows.replaceChildren(...Array.from({ length: Math.max(0, last - first) }, (_, index) => {
            const place = first + index;
            return rowElement(this.#lines.row(place), place, this.#options);
        }));
    }
}
