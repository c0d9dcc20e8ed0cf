import { ByteArena, Column } from "./arena.js";
import { GAP, decodeRecords } from "./frames.js";

export const CONTROL = 0;
export const STDOUT = 1;
export const STDERR = 2;

/** A longer line is shown in pieces: one without an end must not become one endless element. */
export const LONGEST_LINE = 8192;

const OPEN = 1;
const CONTINUED = 2;
const NEWLINE = 10;

/**
 * The output of an execution: the bytes of every (run, stream) as they came, and the lines in them, in the order in
 * which their first bytes arrived. Bytes of two streams or two runs never share a line. Knows no page.
 */
export class Transcript {
    #arenas = new Map();
    #open = new Map();
    #gaps = [];
    #sources = new Column(Uint32Array);
    #starts = new Column(Float64Array);
    #lengths = new Column(Uint32Array);
    #flags = new Column(Uint8Array);
    #decoder = new TextDecoder("utf-8", { ignoreBOM: true });
    /** How many lines only go on with the one before them. */
    continuations = 0;
    /** Grows with every change, also of lines already there. */
    revision = 0;

    get count() {
        return this.#sources.length;
    }

    /** Takes in a log entry as `decodeFrame` gives it. */
    append(entry) {
        this.revision += 1;
        if (entry.kind === GAP) return this.#appendGap(entry);
        for (const record of decodeRecords(entry.records)) {
            if (record.stream !== CONTROL) this.#feed(sourceOf(entry.run, record.stream), record.bytes);
            else if (record.bytes.length > 0) this.#close(sourceOf(entry.run, record.bytes[0]));
        }
    }

    runOf(index) {
        return this.#sources.at(index) >>> 2;
    }

    streamOf(index) {
        return this.#sources.at(index) & 3;
    }

    isContinued(index) {
        return (this.#flags.at(index) & CONTINUED) !== 0;
    }

    /** The bytes of a line without its newline. */
    bytes(index) {
        const start = this.#starts.at(index);
        return this.#arenas.get(this.#sources.at(index)).slice(start, start + this.#lengths.at(index));
    }

    /** The line as text, invalid UTF-8 as U+FFFD; for a gap the sentence that tells of it. */
    text(index) {
        if (this.streamOf(index) !== CONTROL) return this.#decoder.decode(this.bytes(index));
        const gap = this.#gaps[this.#starts.at(index)];
        const bytes = (gap.to - gap.from).toLocaleString("en");
        return `Output is missing here: ${bytes} bytes were let go before they were copied.`;
    }

    /** Every byte of a stream of a run so far. */
    streamBytes(run, stream) {
        const arena = this.#arenas.get(sourceOf(run, stream));
        return arena ? arena.slice(0, arena.length) : new Uint8Array(0);
    }

    #appendGap(entry) {
        for (const source of [...this.#open.keys()]) if (source >>> 2 === entry.run) this.#close(source);
        this.#push(sourceOf(entry.run, CONTROL), this.#gaps.length, 0);
        this.#gaps.push({ from: entry.from, to: entry.to });
    }

    #feed(source, bytes) {
        let arena = this.#arenas.get(source);
        if (!arena) this.#arenas.set(source, (arena = new ByteArena()));
        const base = arena.length;
        arena.append(bytes);
        for (let from = 0; from < bytes.length; ) {
            const newline = bytes.indexOf(NEWLINE, from);
            const end = newline < 0 ? bytes.length : newline;
            this.#extend(source, arena, base + from, base + end);
            if (newline >= 0) this.#close(source);
            from = newline < 0 ? end : newline + 1;
        }
    }

    #extend(source, arena, from, to) {
        let line = this.#open.get(source) ?? this.#begin(source, from, OPEN);
        while (to - this.#starts.at(line) > LONGEST_LINE) {
            const end = characterBoundary(arena, this.#starts.at(line) + LONGEST_LINE);
            this.#finish(line, end);
            line = this.#begin(source, end, OPEN | CONTINUED);
        }
        this.#lengths.put(line, to - this.#starts.at(line));
    }

    #begin(source, start, flags) {
        const line = this.count;
        this.#push(source, start, flags);
        this.#open.set(source, line);
        return line;
    }

    #finish(line, end) {
        this.#lengths.put(line, end - this.#starts.at(line));
        this.#flags.put(line, this.#flags.at(line) & ~OPEN);
    }

    #close(source) {
        const line = this.#open.get(source);
        if (line === undefined) return;
        this.#flags.put(line, this.#flags.at(line) & ~OPEN);
        this.#open.delete(source);
    }

    #push(source, start, flags) {
        if (flags & CONTINUED) this.continuations += 1;
        this.#sources.push(source);
        this.#starts.push(start);
        this.#lengths.push(0);
        this.#flags.push(flags);
    }
}

/** The lines of a transcript that a reader wants to see; follows its growth without starting over. */
export class Selection {
    #chosen = new Column(Uint32Array);
    #seen = 0;
    #continuations = 0;

    /** `accepts(run, stream)`, or nothing for every line. */
    constructor(transcript, accepts) {
        this.transcript = transcript;
        this.accepts = accepts;
    }

    get count() {
        if (!this.accepts) return this.transcript.count;
        for (; this.#seen < this.transcript.count; this.#seen += 1) {
            const stream = this.transcript.streamOf(this.#seen);
            if (!this.accepts(this.transcript.runOf(this.#seen), stream)) continue;
            this.#chosen.push(this.#seen);
            if (this.transcript.isContinued(this.#seen)) this.#continuations += 1;
        }
        return this.#chosen.length;
    }

    /** How many lines the command wrote: those shown in pieces count once. */
    get lines() {
        return this.count - (this.accepts ? this.#continuations : this.transcript.continuations);
    }

    /** The transcript's index of the selection's line `position`. */
    index(position) {
        return this.accepts ? this.#chosen.at(position) : position;
    }
}

function sourceOf(run, stream) {
    return ((run << 2) | (stream & 3)) >>> 0;
}

/** The nearest start of a UTF-8 character at or before `offset`, at most three bytes back. */
function characterBoundary(arena, offset) {
    for (let back = 0; back < 4; back += 1) if ((arena.byteAt(offset - back) & 0xc0) !== 0x80) return offset - back;
    return offset;
}
