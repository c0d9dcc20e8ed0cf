import { ByteArena, Column } from "./arena.js";
import { GAP, decodeRecords } from "./frames.js";

export const CONTROL = 0;
export const STDOUT = 1;
export const STDERR = 2;

/** Of a longer line only so many bytes are shown: one without an end must not become one endless element. */
export const LONGEST_LINE = 8192;

const NEWLINE = 10;

/**
 * The output of an execution: the bytes of every (run, stream) as they came, and the lines in them. A line's place is
 * where its newline came; those that have none yet are the last ones. Bytes of two streams or two runs never share a
 * line. Knows no page.
 */
export class Transcript {
    #arenas = new Map();
    #open = new Map();
    #gaps = [];
    #sources = new Column(Uint32Array);
    #starts = new Column(Float64Array);
    #lengths = new Column(Uint32Array);
    #times = new Column(Float64Array);
    /** Grows with every change, also of lines already there. */
    revision = 0;

    /** How many lines have their end. */
    get ended() {
        return this.#sources.length;
    }

    /** The (run, stream)s that have begun a line without an end, in order. */
    get open() {
        return [...this.#open.keys()].sort((one, other) => one - other);
    }

    get count() {
        return this.ended + this.#open.size;
    }

    /** Takes in a log entry as `decodeFrame` gives it. */
    append(entry) {
        this.revision += 1;
        if (entry.kind === GAP) return this.#appendGap(entry);
        for (const record of decodeRecords(entry.records)) {
            if (record.stream === CONTROL) continue;
            this.#feed(sourceOf(entry.run, record.stream), record.bytes, record.milliseconds);
        }
    }

    sourceAt(index) {
        return this.#sources.at(index);
    }

    /** A line with its end, by its number. */
    line(index) {
        const source = this.#sources.at(index);
        const start = this.#starts.at(index);
        if ((source & 3) === CONTROL) return { run: source >>> 2, stream: CONTROL, gap: this.#gaps[start] };
        return this.#shown(source, start, this.#lengths.at(index), this.#times.at(index));
    }

    /** The line that a (run, stream) has begun. */
    openLine(source) {
        const { start, time } = this.#open.get(source);
        return this.#shown(source, start, this.#arenas.get(source).length - start, time);
    }

    /** Every byte of a stream of a run so far. */
    streamBytes(run, stream) {
        const arena = this.#arenas.get(sourceOf(run, stream));
        return arena ? arena.slice(0, arena.length) : new Uint8Array(0);
    }

    #shown(source, start, length, time) {
        const arena = this.#arenas.get(source);
        const isCut = length > LONGEST_LINE;
        const end = isCut ? characterBoundary(arena, start + LONGEST_LINE) : start + length;
        return { run: source >>> 2, stream: source & 3, time, isCut, bytes: arena.slice(start, end) };
    }

    #appendGap(entry) {
        const before = this.open.filter((source) => source >>> 2 === entry.run).map((source) => this.openLine(source));
        for (const { run, stream } of before) this.#open.delete(sourceOf(run, stream));
        this.#push(sourceOf(entry.run, CONTROL), this.#gaps.length, 0, 0);
        this.#gaps.push({ from: entry.from, to: entry.to, before });
    }

    #feed(source, bytes, time) {
        let arena = this.#arenas.get(source);
        if (!arena) this.#arenas.set(source, (arena = new ByteArena()));
        const base = arena.length;
        arena.append(bytes);
        let from = 0;
        for (let at = bytes.indexOf(NEWLINE); at >= 0; at = bytes.indexOf(NEWLINE, from)) {
            const line = this.#open.get(source) ?? { start: base + from, time };
            this.#open.delete(source);
            this.#push(source, line.start, base + at - line.start, line.time);
            from = at + 1;
        }
        if (from < bytes.length && !this.#open.has(source)) this.#open.set(source, { start: base + from, time });
    }

    #push(source, start, length, time) {
        this.#sources.push(source);
        this.#starts.push(start);
        this.#lengths.push(length);
        this.#times.push(time);
    }
}

/** The lines of a transcript that a reader wants to see, by their places; follows its growth without starting over. */
export class Selection {
    #chosen = new Column(Uint32Array);
    #seen = 0;

    /** `accepts(run, stream)`, or nothing for every line. */
    constructor(transcript, accepts) {
        this.transcript = transcript;
        this.accepts = accepts;
    }

    get revision() {
        return this.transcript.revision;
    }

    get count() {
        return this.#ended + this.#open.length;
    }

    get #ended() {
        const { transcript, accepts } = this;
        if (!accepts) return transcript.ended;
        for (; this.#seen < transcript.ended; this.#seen += 1) {
            const source = transcript.sourceAt(this.#seen);
            if (accepts(source >>> 2, source & 3)) this.#chosen.push(this.#seen);
        }
        return this.#chosen.length;
    }

    get #open() {
        const { open } = this.transcript;
        return this.accepts ? open.filter((source) => this.accepts(source >>> 2, source & 3)) : open;
    }

    /** `{ run, stream, time, isCut, bytes }`, or `{ run, stream: CONTROL, gap }`. */
    row(position) {
        const ended = this.#ended;
        if (position >= ended) return this.transcript.openLine(this.#open[position - ended]);
        return this.transcript.line(this.accepts ? this.#chosen.at(position) : position);
    }

    /** Everything is here already. */
    want() {}
}

const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** A row's text, invalid UTF-8 as U+FFFD; for a gap the sentence that tells of it. */
export function rowText(row) {
    if (row.gap) return gapText(row.gap);
    return row.text ?? decoder.decode(row.bytes);
}

function gapText({ from, to, before = [] }) {
    const bytes = (to - from).toLocaleString("en");
    const halves = before.map((half) => ` Cut off there: ${rowText(half)}`);
    return `Output is missing here: ${bytes} bytes were let go before they were copied.${halves.join("")}`;
}

function sourceOf(run, stream) {
    return ((run << 2) | (stream & 3)) >>> 0;
}

/** The nearest start of a UTF-8 character at or before `offset`, at most three bytes back. */
function characterBoundary(arena, offset) {
    for (let back = 0; back < 4; back += 1) if ((arena.byteAt(offset - back) & 0xc0) !== 0x80) return offset - back;
    return offset;
}
