import { decodeFrame } from "./frames.js";

const FIRST_DELAY = 300;
const LONGEST_DELAY = 8000;

/**
 * The live connection: one WebSocket for all that the page watches. It connects again by itself and resumes every
 * follow at the byte where it stopped.
 *
 * Events: "up", "down" (`detail.failed` says that the connection never opened), and "nodes", "node", "execution" with
 * the message as `detail`.
 */
export class Live extends EventTarget {
    #socket;
    #delay = FIRST_DELAY;
    #timer;
    #follows = new Map();
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
    }

    /**
     * Follows an execution from its first byte. `reader` has `opened(message)`, `reset()` (forget what was read: it comes
     * again from the start), `entries(list)`, `run(run)`, `caughtUp()`, `complete()`, `refused(message)`.
     * Returns a function that ends it.
     */
    follow(execution, reader) {
        const id = this.#next++;
        const follow = { id, execution, reader, log: undefined, offset: undefined, isOpen: false };
        this.#follows.set(id, follow);
        if (this.isUp) this.#ask(follow);
        return () => {
            if (this.#follows.delete(id) && this.isUp) this.#send({ type: "unfollow", id });
        };
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
            this.dispatchEvent(new Event("up"));
        });
        socket.addEventListener("message", (event) => this.#socket === socket && this.#receive(event.data));
        socket.addEventListener("close", () => this.#socket === socket && this.#lost(opened));
    }

    #lost(wasOpen) {
        this.#socket = undefined;
        if (!this.#wanted) return;
        this.dispatchEvent(new CustomEvent("down", { detail: { failed: !wasOpen } }));
        if (!this.#wanted) return;
        const delay = this.#delay * (0.5 + Math.random() / 2);
        this.#delay = Math.min(this.#delay * 2, LONGEST_DELAY);
        this.#timer = setTimeout(() => this.#connect(), delay);
    }

    #ask(follow) {
        const { id, execution, log, offset } = follow;
        follow.isOpen = false;
        this.#send(log === undefined ? { type: "follow", id, execution } : { type: "follow", id, execution, log, offset });
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
        if (frame.offset !== follow.offset) {
            this.#send({ type: "unfollow", id: follow.id });
            return this.#ask(follow);
        }
        follow.offset = frame.next;
        follow.reader.entries(frame.entries);
    }

    #receiveText(message) {
        const follow = this.#follows.get(message.id);
        if (["nodes", "node", "execution"].includes(message.type)) {
            this.dispatchEvent(new CustomEvent(message.type, { detail: message }));
        } else if (!follow) {
            return;
        } else if (message.type === "opened") {
            if (follow.log !== undefined && (follow.log !== message.log || follow.offset !== message.offset)) follow.reader.reset();
            Object.assign(follow, { log: message.log, offset: message.offset, isOpen: true });
            follow.reader.opened(message);
        } else if (message.type === "run") follow.reader.run(message.run);
        else if (message.type === "caught-up") follow.reader.caughtUp();
        else if (message.type === "complete") follow.reader.complete();
        else if (message.type === "error") this.#refuse(follow, message);
    }

    #refuse(follow, message) {
        if (message.code === "offset_ahead") {
            Object.assign(follow, { log: undefined, offset: undefined });
            follow.reader.reset();
            this.#ask(follow);
        } else {
            follow.reader.refused(message);
        }
    }
}
