import { Refusal, address, get, refused, remove, unreachable } from "./api.js";
import { chunkList } from "./chunklist.js";
import { Cancelled, Unreadable } from "./uploadends.js";
import { UploadMemory } from "./uploadmemory.js";

/** Up to this many bytes go in one request; more go by an upload that can be taken up again where it was cut. */
const WHOLE_BYTES = 4 << 20;
const PIECE_BYTES = 16 << 20;
const FIRST_DELAY = 300;
const LONGEST_DELAY = 5000;
/** Without a byte for so long a connection is given up and made anew. */
const STALL_MILLISECONDS = 30_000;
/** Without a byte for so long the upload is given up; sending it again goes on where it was. */
const PATIENCE_MILLISECONDS = 300_000;
/** So many times in a row the gateway is there and no byte arrives: the fault is in the file. */
const MOST_VAIN = 4;

/** Why an upload is stopped whose user may come back: what the gateway has of it is kept. */
export const SIGNED_OUT = "signed out";

/**
 * Brings a file's bytes to the gateway, through lost connections and a gateway that starts anew: it goes on where the
 * gateway says it is.
 */
export class Upload {
    #id;
    #offset = 0;
    #size;
    #vain = 0;
    /** Ranges that the gateway still lacks, where it was told the file's hashes. */
    #missing;
    #list;
    /** The gateway's last word on how far it is. */
    #answer;

    /**
     * `told(bytes, doing)` is called as it goes, *doing* being "sending", "reading" or "waiting"; `key` names the file where a
     * later page may meet it again; of an `isFamiliar` one the gateway may have most: only what it lacks is sent.
     */
    constructor(file, { key, told, signal, isFamiliar }) {
        Object.assign(this, { file, key, told, signal, isFamiliar });
    }

    /** Returns `{ blob }`. Throws a Refusal, Cancelled or Unreadable; called again it goes on. */
    async run() {
        this.#size = this.file.size;
        let [delay, moved] = [FIRST_DELAY, Date.now()];
        for (;;) {
            const before = this.#here;
            try {
                const answer = await this.#step();
                if (answer.blob) return this.#done(answer);
            } catch (error) {
                if (error.code === "hash_mismatch") throw new Unreadable();
                if (!isPassing(error) || Date.now() - moved > PATIENCE_MILLISECONDS) throw error;
                this.told(this.#here, "waiting");
                await pause(delay, this.signal);
                delay = Math.min(delay * 2, LONGEST_DELAY);
                await this.#catchUp(error);
            }
            if (this.#here > before) [delay, moved, this.#vain] = [FIRST_DELAY, Date.now(), 0];
        }
    }

    /** Lets go of what the gateway holds of it. */
    forget() {
        UploadMemory.drop(this.key);
        if (this.#id) remove(`uploads/${this.#id}`).catch(() => undefined);
        this.#id = this.#missing = undefined;
        this.#offset = 0;
    }

    async #step() {
        if (this.#size <= WHOLE_BYTES) return this.#send("POST", "blobs", await this.#whole());
        if (!this.#id) await this.#open();
        // The last piece arrived and its answer did not.
        if (this.#answer?.blob) return this.#answer;
        const end = Math.min(this.#missing?.[0]?.[1] ?? this.#size, this.#offset + PIECE_BYTES);
        const piece = this.file.slice(this.#offset, end);
        return this.#hear(await this.#send("PATCH", `uploads/${this.#id}?offset=${this.#offset}`, piece));
    }

    async #whole() {
        try {
            return await this.file.arrayBuffer();
        } catch {
            throw new Unreadable();
        }
    }

    /** Takes up what an earlier page began, or begins. */
    async #open() {
        const known = UploadMemory.find(this.key);
        if (known) {
            this.#id = known;
            await this.#ask();
        }
        if (this.#id) return;
        if (this.isFamiliar) this.#list ??= await chunkList(this.file, (done) => this.told(done, "reading"), this.signal);
        const body = new Blob([JSON.stringify({ size: this.#size, list: this.#list })], { type: "application/json" });
        const answer = this.#hear(await this.#send("POST", "uploads", body));
        if (answer.blob) return;
        this.#id = answer.upload;
        UploadMemory.keep(this.key, answer.upload);
    }

    /** Takes over where the gateway says it is. */
    #hear(answer) {
        this.#missing = answer.missing;
        this.#offset = answer.missing?.[0]?.[0] ?? answer.offset ?? this.#size;
        this.#answer = answer;
        return answer;
    }

    /** Bytes that the gateway has. */
    get #here() {
        if (!this.#missing) return this.#offset;
        return this.#size - this.#missing.reduce((sum, [from, to]) => sum + to - from, 0);
    }

    /** After a failure: how far the gateway came. One that is away too is no news. */
    async #catchUp(failure) {
        if (!this.#id) return;
        const before = this.#here;
        try {
            await this.#ask();
        } catch (error) {
            if (!isPassing(error)) throw error;
            return;
        }
        // A conflict is with an older connection that the gateway has not seen end.
        if (failure.status === 0) this.#vain = this.#here > before ? 0 : this.#vain + 1;
        if (this.#vain >= MOST_VAIN) throw new Unreadable();
    }

    async #ask() {
        try {
            const answer = await get(`uploads/${this.#id}`);
            if (answer.size !== undefined && answer.size !== this.#size) throw new Refusal(404, "unknown_upload", "");
            this.#hear(answer);
        } catch (error) {
            if (error.code !== "unknown_upload") throw error;
            UploadMemory.drop(this.key);
            this.#id = this.#answer = this.#missing = undefined;
            this.#offset = 0;
        }
    }

    #done(answer) {
        UploadMemory.drop(this.key);
        this.#id = undefined;
        this.told(this.#size, "sending");
        return answer;
    }

    #send(method, path, body) {
        const here = this.#here;
        const type = body.type || "application/octet-stream";
        return transmit(method, path, body, type, (sent) => this.told(Math.min(here + sent, this.#size), "sending"), this.signal);
    }
}

/** Whether trying again may help: the gateway is away or starting, or has another idea of where the upload stands. */
function isPassing(error) {
    if (!(error instanceof Refusal)) return false;
    return error.status === 0 || [409, 502, 503, 504].includes(error.status) || error.code === "unknown_upload";
}

/** XMLHttpRequest, because fetch tells nothing of an upload's progress. */
function transmit(method, path, body, type, told, signal) {
    return new Promise((resolve, reject) => {
        if (signal?.aborted) return reject(new Cancelled());
        const request = new XMLHttpRequest();
        let stall;
        const watch = () => {
            clearTimeout(stall);
            stall = setTimeout(() => request.abort(), STALL_MILLISECONDS);
        };
        const cancel = () => request.abort();
        request.open(method, address(path));
        request.setRequestHeader("X-Estiba", "1");
        request.setRequestHeader("Content-Type", type);
        if (type !== "application/json") {
            request.upload.addEventListener("progress", (event) => (watch(), told(event.loaded)));
        }
        request.addEventListener("load", () => {
            if (request.status >= 200 && request.status < 300) resolve(JSON.parse(request.responseText));
            else reject(refused(request.status, request.responseText));
        });
        request.addEventListener("error", () => reject(unreachable()));
        request.addEventListener("abort", () => reject(signal?.aborted ? new Cancelled() : unreachable()));
        request.addEventListener("loadend", () => {
            clearTimeout(stall);
            signal?.removeEventListener("abort", cancel);
        });
        signal?.addEventListener("abort", cancel);
        watch();
        request.send(body);
    });
}

function pause(milliseconds, signal) {
    return new Promise((resolve, reject) => {
        const cancel = () => {
            clearTimeout(timer);
            reject(new Cancelled());
        };
        const timer = setTimeout(() => {
            signal?.removeEventListener("abort", cancel);
            resolve();
        }, milliseconds);
        signal?.addEventListener("abort", cancel, { once: true });
    });
}

/** Does `work(item)` for all, at most `most` at a time. The first error is thrown when those under way have ended. */
export async function inLanes(most, items, work) {
    const ahead = [...items];
    let problem;
    const lane = async () => {
        while (ahead.length > 0 && !problem) {
            try {
                await work(ahead.shift());
            } catch (error) {
                problem ??= error;
            }
        }
    };
    await Promise.all(Array.from({ length: Math.min(most, ahead.length) }, lane));
    if (problem) throw problem;
}

/** The mode a file gets: 0755 for what can be started (ELF, #!), else 0644. */
export async function usualMode(file) {
    const head = new Uint8Array(await file.slice(0, 4).arrayBuffer());
    const isELF = head[0] === 0x7f && head[1] === 0x45 && head[2] === 0x4c && head[3] === 0x46;
    const isScript = head[0] === 0x23 && head[1] === 0x21;
    return isELF || isScript ? 0o755 : 0o644;
}
