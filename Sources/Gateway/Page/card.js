import { CardOptions } from "./cardoptions.js";
import { button, element } from "./element.js";
import { count, size } from "./format.js";
import { onceAFrame } from "./pacing.js";
import { Rate, progressWords } from "./rate.js";
import { SIGNED_OUT, Upload } from "./upload.js";
import { Cancelled, Unreadable } from "./uploadends.js";

/** A file or folder to be placed: its options, its progress and, once it is at the gateway, its blob. */
export class FileCard {
    /** Bytes that are at the gateway, and bytes in all. */
    sent = 0;
    size;
    isBroken = false;
    #content;
    #key;
    #upload;
    #rate = new Rate();
    #done = 0;
    #doing = "sending";
    #progress = element("progress", { max: "1", value: 0, hidden: true });
    #note = element("p", { class: "note" });
    #summary = element("span", { class: "quiet summary" });
    #size = element("span", { class: "quiet" });
    #draw = onceAFrame(() => this.#drawProgress());

    /**
     * `known` is what an earlier request said of it: `name`, and for one that is at the gateway already its `blob`.
     * `changed()` follows every change, `remove()` the button.
     */
    constructor(known, { changed, remove }) {
        this.name = known.name;
        this.tree = known.tree ?? false;
        this.blob = known.blob;
        this.restore = known.restore;
        this.changed = changed;
        this.options = new CardOptions(known, () => (this.#sum(), changed()));
        this.#size.textContent = known.size === undefined ? "at the gateway" : size(known.size);
        if (this.restore) this.#size.textContent = "what was kept before";
        this.toggle = button("Options", () => this.fold(!this.options.node.hidden), {
            class: "link",
            "aria-label": `Options of ${this.name}`,
            "aria-expanded": "true",
        });
        this.node = element(
            "li",
            { class: "card-file", "aria-label": this.name },
            this.#head(remove),
            this.#progress,
            this.#note,
            this.options.suggestion,
            this.options.says,
            this.options.node,
        );
        this.#sum();
    }

    #head(remove) {
        const close = button("×", remove, { class: "remove", "aria-label": `Remove ${this.name}` });
        return element(
            "div",
            { class: "head" },
            element("b", { class: "mono" }, this.name),
            this.tree && element("span", { class: "chip" }, "folder"),
            this.#size,
            this.#summary,
            element("span", { class: "tail" }, this.toggle, close),
        );
    }

    fold(isFolded) {
        this.options.node.hidden = isFolded;
        this.toggle.setAttribute("aria-expanded", String(!isFolded));
        this.node.classList.toggle("folded", isFolded);
    }

    /** Its options have been changed by another hand. */
    refresh() {
        this.options.refresh();
        this.#sum();
    }

    /** Shows the profiles that the nodes offer (profiles.js). */
    offer(profiles) {
        this.options.offer(profiles);
        this.#sum();
    }

    #sum() {
        this.#summary.textContent = this.#summary.title = this.options.words;
    }

    /** Gives the card its bytes: `content` a Blob; `key` names a file that a later page may meet again. */
    fill(content, { key, files } = {}) {
        this.#content = content;
        this.#key = key;
        this.size = content.size;
        const amount = size(content.size);
        this.#size.textContent = files === undefined ? amount : `${count(files, "file")}, ${amount}`;
        this.tell("");
        this.changed();
    }

    /** Says something below the name. */
    tell(words, isProblem = false) {
        this.#note.textContent = words;
        this.#note.classList.toggle("problem", isProblem);
    }

    /** It cannot be read. */
    fail(words) {
        this.tell(words, true);
        this.isBroken = true;
        this.changed();
    }

    /** What it is to a request (requests.js). */
    get thing() {
        const { file, run, service } = this.options;
        const { blob, restore, name, tree } = this;
        return { file: { blob, restore, name, tree: tree || undefined, ...file }, run, service };
    }

    /** Why it cannot be sent, in words. */
    get problem() {
        if (this.isBroken) return `${this.name} could not be read: take it away, or choose it again.`;
        if (!this.isSent && !this.#content) return `${this.name} is still being read.`;
        return this.options.problem;
    }

    get isSent() {
        return Boolean(this.blob || this.restore);
    }

    /** The gateway does not have it any more: it is sent again, if the browser has it. */
    forget() {
        if (this.#content) this.blob = undefined;
    }

    /** Sends the bytes unless they are at the gateway; of an `isFamiliar` file only those that it lacks. */
    async send(signal, isFamiliar = false) {
        if (this.isSent) return;
        this.#upload ??= new Upload(this.#content, { key: this.#key, told: (...word) => this.#told(...word), isFamiliar });
        this.#upload.signal = signal;
        this.#progress.hidden = false;
        try {
            this.blob = (await this.#upload.run()).blob;
            this.#upload = undefined;
            this.tell("");
            this.#size.textContent += " · uploaded";
        } catch (error) {
            this.tell(failureWords(error), !(error instanceof Cancelled));
            if (error instanceof Cancelled && signal.reason !== SIGNED_OUT) this.dispose();
            if (error instanceof Unreadable) this.isBroken = true;
            throw error;
        } finally {
            this.#progress.hidden = true;
        }
    }

    /** Lets go of what is half at the gateway. */
    dispose() {
        this.#upload?.forget();
        this.#upload = undefined;
        this.sent = 0;
    }

    #told(bytes, doing) {
        if (doing !== this.#doing) this.#rate = new Rate();
        this.#doing = doing;
        this.#done = bytes;
        if (doing !== "reading") this.sent = bytes;
        this.#rate.add(performance.now(), bytes);
        this.#draw();
        this.moved?.();
    }

    #drawProgress() {
        if (!this.#upload || this.#progress.hidden) return;
        this.#progress.value = this.size > 0 ? this.#done / this.size : 1;
        const words = progressWords(this.#done, this.size, this.#doing === "waiting" ? undefined : this.#rate.perSecond);
        this.tell({ waiting: `${words} · lost the gateway, going on when it is back`, reading: `Looking what has changed: ${words}` }[this.#doing] ?? words);
    }
}

function failureWords(error) {
    if (error instanceof Cancelled) return "cancelled";
    if (error instanceof Unreadable) return "It could not be read: it has changed or gone since it was chosen.";
    return error.sentence ?? "It could not be sent.";
}
