const FIRST_BLOCK = 256;
const LARGEST_BLOCK = 1 << 20;

/** The bytes of one stream of one run, as they came. Blocks double in size: a node that says one word costs little. */
export class ByteArena {
    #blocks = [];
    #starts = [];
    length = 0;

    append(bytes) {
        let rest = bytes;
        while (rest.length > 0) {
            const last = this.#blocks.length - 1;
            const used = last < 0 ? 0 : this.length - this.#starts[last];
            if (last < 0 || used === this.#blocks[last].length) {
                this.#grow();
                continue;
            }
            const part = rest.subarray(0, this.#blocks[last].length - used);
            this.#blocks[last].set(part, used);
            this.length += part.length;
            rest = rest.subarray(part.length);
        }
    }

    byteAt(offset) {
        const block = this.#blockOf(offset);
        return this.#blocks[block][offset - this.#starts[block]];
    }

    /** A view where the bytes lie in one block, else a copy. */
    slice(from, to) {
        if (from >= to) return new Uint8Array(0);
        let block = this.#blockOf(from);
        const within = from - this.#starts[block];
        if (within + to - from <= this.#blocks[block].length) return this.#blocks[block].subarray(
            within,
            within + to - from,
        );
        const copy = new Uint8Array(to - from);
        for (let at = from; at < to; block += 1) {
            const part = this.#blocks[block].subarray(at - this.#starts[block], to - this.#starts[block]);
            copy.set(part, at - from);
            at += part.length;
        }
        return copy;
    }

    #grow() {
        const size = Math.min(LARGEST_BLOCK, FIRST_BLOCK << Math.min(this.#blocks.length, 12));
        this.#starts.push(this.length);
        this.#blocks.push(new Uint8Array(size));
    }

    #blockOf(offset) {
        let low = 0;
        let high = this.#starts.length - 1;
        while (low < high) {
            const middle = (low + high + 1) >> 1;
            if (this.#starts[middle] <= offset) low = middle;
            else high = middle - 1;
        }
        return low;
    }
}

/** A typed array that grows: what a million lines need instead of a million objects. */
export class Column {
    #values;
    length = 0;

    constructor(Type) {
        this.#values = new Type(256);
    }

    push(value) {
        if (this.length === this.#values.length) {
            const larger = new this.#values.constructor(this.length * 2);
            larger.set(this.#values);
            this.#values = larger;
        }
        this.#values[this.length] = value;
        this.length += 1;
    }

    at(index) {
        return this.#values[index];
    }

    put(index, value) {
        this.#values[index] = value;
    }
}
