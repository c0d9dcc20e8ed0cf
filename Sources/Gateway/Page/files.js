import { button, element, field, tick } from "./element.js";
import { octal, size } from "./format.js";
import { upload, usualMode } from "./upload.js";

/** A file to be placed: its options, its progress and, once it is at the gateway, its blob. */
class FileCard {
    #progress = element("progress", { max: "1", value: 0, hidden: true });
    #note = element("p", { class: "note" });
    #upload;

    /** `file` is the browser's File, or undefined for one that is at the gateway already (`known.blob`). */
    constructor(file, known, remove) {
        this.file = file;
        this.name = file?.name ?? known.name;
        this.blob = known.blob;
        this.size = file?.size ?? known.size;
        this.folder = element(
            "input",
            { class: "form-control mono", value: known.folder || "~", spellcheck: "false", autocapitalize: "none" },
        );
        this.mode = element(
            "input",
            {
                class: "form-control mono",
                value: octal(known.mode ?? 0o644),
                pattern: "0?[0-7]{3}",
                inputmode: "numeric",
                size: "5",
            },
        );
        this.overwrite = tick("Overwrite", known.overwrite ?? true);
        this.create = tick("Create folder", known.createFolder ?? true);
        const kind = this.size === undefined ? "at the gateway" : size(this.size);
        this.node = element(
            "li",
            { class: "card-file", "aria-label": this.name },
            element(
                "div",
                { class: "head" },
                element("b", { class: "mono" }, this.name),
                element("span", { class: "quiet" }, kind),
                button("×", remove, { class: "remove", "aria-label": `Remove ${this.name}` }),
            ),
            this.#progress,
            this.#note,
            element(
                "div",
                { class: "options" },
                field("Folder", this.folder),
                field("Mode", this.mode),
                this.overwrite.node,
                this.create.node,
            ),
        );
    }

    get request() {
        const folder = this.folder.value.trim();
        return {
            blob: this.blob,
            name: this.name,
            folder: folder === "~" ? "" : folder,
            mode: parseInt(this.mode.value, 8),
            overwrite: this.overwrite.box.checked,
            createFolder: this.create.box.checked,
        };
    }

    get problem() {
        return /^0?[0-7]{3}$/.test(this.mode.value) ? undefined : `The mode of ${this.name} is not one such as 0644.`;
    }

    /** The gateway does not have it any more: it is sent again, if the browser has it. */
    forget() {
        if (this.file) this.blob = undefined;
    }

    /** Sends the bytes unless they are at the gateway. The browser refuses a file that has changed on the disk. */
    async send() {
        if (this.blob) return;
        this.#progress.hidden = false;
        this.#upload ??= upload(this.file, (sent) => this.#show(sent));
        try {
            this.blob = (await this.#upload).blob;
            this.#note.textContent = "uploaded";
        } catch (error) {
            this.#note.textContent = error.sentence ?? "The file could not be read.";
            throw error;
        } finally {
            this.#upload = undefined;
            this.#progress.hidden = true;
        }
    }

    #show(sent) {
        const part = this.size > 0 ? Math.min(1, sent / this.size) : 1;
        this.#progress.value = part;
        const amount = `${size(Math.min(sent, this.size))} of ${size(this.size)}`;
        this.#note.textContent = `${Math.floor(part * 100)} % uploaded · ${amount}`;
    }
}

/** The files of a deployment: dropped or chosen, each with its own options. */
export class FileList {
    cards = [];
    #list = element("ul", { class: "files" });
    #problem = element("p", { class: "problem", role: "alert" });
    #changed;

    constructor(changed) {
        this.#changed = changed;
        const input = element(
            "input",
            {
                type: "file",
                id: "files",
                multiple: true,
                class: "visually-hidden",
                on: { change: () => this.#take(input) },
            },
        );
        const drop = element(
            "label",
            { class: "drop", for: "files" },
            element("b", {}, "Drop files here"),
            element("span", {}, "or ", element("u", {}, "choose them"), ", or none: just a command"),
        );
        for (const name of ["dragover", "dragleave", "drop"]) drop.addEventListener(
            name,
            (event) => this.#drag(event, drop),
        );
        this.node = element("section", {}, element("h2", {}, "What"), input, drop, this.#problem, this.#list);
    }

    async add(file, known = {}) {
        const mode = known.mode ?? (file ? await usualMode(file) : 0o644);
        const card = new FileCard(file, { ...known, mode }, () => this.#remove(card));
        const twin = this.cards.find((other) => other.name === card.name);
        if (twin) this.#remove(twin);
        this.cards.push(card);
        this.#list.append(card.node);
        this.#changed();
    }

    async #take(input) {
        const files = [...input.files];
        input.value = "";
        await this.#addAll(files);
    }

    async #addAll(files) {
        this.#problem.textContent = "";
        for (const file of files) {
            try {
                await this.add(file);
            } catch {
                this.#problem.textContent = `${file.name} could not be read. Of a folder, choose the files in it.`;
            }
        }
    }

    #remove(card) {
        this.cards = this.cards.filter((other) => other !== card);
        card.node.remove();
        this.#changed();
    }

    #drag(event, drop) {
        event.preventDefault();
        drop.classList.toggle("over", event.type === "dragover");
        if (event.type === "drop") this.#addAll([...event.dataTransfer.files]);
    }
}
