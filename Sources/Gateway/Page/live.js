import { decodeFrame } from "./frames.js";

const FIRST_DELAY = 300;
const LONGEST_DELAY = 8000;
/** The close code by which the gateway says that the session has ended. */
const SESSION_OVER = 4001;

/**
 * The live connection: one WebSocket for all that the page watches. It connects again by itself and resumes every
 * follow at the byte where it stopped.
 *
 * Events: "up", "down" (`detail.failed`: it never opened, or the session is over), and "nodes", "node", "execution"
 * with the message as `detail`.
 */
export class Live extends EventTarget {
    #socket;
    #delay = FIRST_DELAY;
    #timer;
    #follows = new Map();
    /** Watches of nodes' figures: what was asked for and who is told. */
    #watches = new Map();
    #next = 1;
    #wanted = false;

    constructor(url) {
        super();
        this.url = url;
        addEventListener("online", () => this.#wanted && !this.isUp && this.#connect());
    }

    get isUp() {
        return this.#socket?.readyState === WebSocket.OPEN;
    }

    start() {
        if (this.#wanted) return;
        this.#wanted = true;
        this.#connect();
    }

    stop() {
        this.#wanted = false;
        clearTimeout(this.#timer);
        this.#socket?.close(1000);
        this.#socket = undefined;
        this.#follows.clear();
        this.#watches.clear();
    }

    /**
     * Follows an execution from its first byte. `reader` has `opened(message)`, `reset()` (forget what was read: it
     * comes again from the start), `entries(list)`, `run(run)`, `caughtUp()`, `complete()`, `owner(message)` (its gateway
     * went away or is back), `refused(message)`.
     * With `most` no output comes of a log of more bytes: then `large()` says so, and again whenever it has grown.
     * Returns a function that ends it. With `output: false` only the states of its runs come.
     */
    follow(execution, reader, { output, most } = {}) {
        const follow = { id: this.#next++, execution, reader, output, most, isOpen: false };
        this.#follows.set(follow.id, follow);
        if (this.isUp) this.#ask(follow);
        return () => this.#end(follow);
    }

    /**
     * Watches the figures of nodes: `wish` is `{ nodes, milliseconds, brief }`, all nodes where none are named. `take(status)`
     * gets the newest of each. Returns a function that ends it.
     */
    watchStatus(wish, take) {
        const watch = { id: this.#next++, message: { type: "watch-status", ...wish }, take };
        this.#watches.set(watch.id, watch);
        if (this.isUp) this.#send({ ...watch.message, id: watch.id });
        return () => {
            if (this.#watches.delete(watch.id) && this.isUp) this.#send({ type: "unwatch", id: watch.id });
        };
    }

    #end(follow) {
        if (this.#follows.delete(follow.id) && this.isUp) this.#send({ type: "unfollow", id: follow.id });
    }

    #connect() {
        clearTimeout(this.#timer);
        const socket = new WebSocket(this.url);
        let opened = false;
        this.#socket?.close();
        this.#socket = socket;
        socket.binaryType = "arraybuffer";
        socket.addEventListener("open", () => {
            opened = true;
            this.#delay = FIRST_DELAY;
            this.#send({ type: "watch", what: "nodes" });
            this.#send({ type: "watch", what: "executions" });
            for (const follow of this.#follows.values()) this.#ask(follow);
            for (const { id, message } of this.#watches.values()) this.#send({ ...message, id });
            this.dispatchEvent(new Event("up"));
        });
        socket.addEventListener("message", (event) => this.#socket === socket && this.#receive(event.data));
        socket.addEventListener(
            "close",
            (event) => this.#socket === socket && this.#lost(!opened || event.code === SESSION_OVER),
        );
    }

    #lost(failed) {
        this.#socket = undefined;
        if (!this.#wanted) return;
        this.dispatchEvent(new CustomEvent("down", { detail: { failed } }));
        if (!this.#wanted) return;
        const delay = this.#delay * (0.5 + Math.random() / 2);
        this.#delay = Math.min(this.#delay * 2, LONGEST_DELAY);
        this.#timer = setTimeout(() => this.#connect(), delay);
    }

    #ask(follow) {
        const { id, execution, log, offset, output, most } = follow;
        follow.isOpen = false;
        // What is undefined is left out of the JSON.
        this.#send({ type: "follow", id, execution, log, offset, output, most });
    }

    /** Under another number, so that what is still on its way under the old one is told apart. */
    #askAnew(follow) {
        this.#end(follow);
        follow.id = this.#next++;
        this.#follows.set(follow.id, follow);
        this.#ask(follow);
    }

    #send(message) {
        this.#socket.send(JSON.stringify(message));
    }

    #receive(data) {
        if (typeof data === "string") this.#receiveText(JSON.parse(data));
        else this.#receiveFrame(decodeFrame(data));
    }

    /** A frame that does not begin where the last one ended is not joined to it: the follow is asked for anew. */
    #receiveFrame(frame) {
        const follow = this.#follows.get(frame.follow);
        if (!follow?.isOpen) return;
        if (frame.offset !== follow.offset) return this.#askAnew(follow);
        follow.offset = frame.next;
        follow.reader.entries(frame.entries);
    }

    #receiveText(message) {
        if (message.type === "status") return this.#watches.get(message.id)?.take(message.status);
        const follow = this.#follows.get(message.id);
        if (["nodes", "node", "execution"].includes(message.type)) {
            this.dispatchEvent(new CustomEvent(message.type, { detail: message }));
        } else if (!follow) {
            return;
        } else if (message.type === "opened") {
            const goesOn = follow.log === message.log && follow.offset === message.offset;
            if (follow.log !== undefined && !goesOn) follow.reader.reset();
            Object.assign(follow, { log: message.log, offset: message.offset, isOpen: true });
            follow.reader.opened(message);
        } else if (message.type === "run") follow.reader.run(message.run);
        else if (message.type === "caught-up") follow.reader.caughtUp();
        else if (message.type === "complete") follow.reader.complete();
        else if (message.type === "owner") follow.reader.owner?.(message);
        else if (message.type === "large") this.#tellLarge(follow, message);
        else if (message.type === "error") this.#refuse(follow, message);
    }

    /** What the log is too long for is not asked for again either. */
    #tellLarge(follow, message) {
        Object.assign(follow, { offset: message.offset, most: 0 });
        follow.reader.large();
    }

    #refuse(follow, message) {
        if (message.code === "offset_ahead") {
            Object.assign(follow, { log: undefined, offset: undefined });
            follow.reader.reset();
            this.#askAnew(follow);
        } else {
            follow.reader.refused(message);
        }
    }
}
