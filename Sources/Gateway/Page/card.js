import { button, element, field, tick } from "./element.js";
import { count, octal, size } from "./format.js";
import { fold } from "./nodeset.js";
import { onceAFrame } from "./pacing.js";
import { takes } from "./profiles.js";
import { Rate, progressWords } from "./rate.js";
import { Cancelled, Unreadable, Upload } from "./upload.js";

const PLAIN = { spellcheck: "false", autocapitalize: "none", autocomplete: "off" };

/** A file or folder to be placed: its options, its progress and, once it is at the gateway, its blob. */
export class FileCard {
    sent = 0;
    /** Of the bytes to send; the gateway may know more of them than this page has sent. */
    size;
    #content;
    #key;
    #upload;
    #rate = new Rate();
    #isWaiting = false;
    #progress = element("progress", { max: "1", value: 0, hidden: true });
    #note = element("p", { class: "note" });
    #summary = element("span", { class: "quiet summary" });
    #size = element("span", { class: "quiet" });
    #suggestion = element("p", { class: "note suggestion", hidden: true });
    #says = element("p", { class: "note", hidden: true });
    #profiles = [];
    #draw = onceAFrame(() => this.#drawProgress());
    #wantedProfile = "";

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
        this.#wantedProfile = known.profile ?? "";
        this.#makeControls(known);
        this.open = button("Options", () => this.#fold(!this.isFolded), {
            class: "link",
            "aria-label": `Options of ${this.name}`,
            "aria-expanded": "true",
        });
        this.node = element(
            "li",
            { class: "card-file", "aria-label": this.name },
            element(
                "div",
                { class: "head" },
                element("b", { class: "mono" }, this.name),
                this.tree && element("span", { class: "chip" }, "folder"),
                this.#size,
                this.#summary,
                element(
                    "span",
                    { class: "tail" },
                    this.open,
                    button("×", remove, { class: "remove", "aria-label": `Remove ${this.name}` }),
                ),
            ),
            this.#progress,
            this.#note,
            this.#suggestion,
            this.#says,
            this.#options(),
        );
        this.#size.textContent = this.restore ? "what was kept before" : "at the gateway";
        if (known.size !== undefined) this.#size.textContent = size(known.size);
        this.refresh();
    }

    get isFolded() {
        return this.options.hidden;
    }

    /** Gives the card its bytes: `content` a Blob; `key` names a file that a later page may meet again. */
    fill(content, { key, files } = {}) {
        this.#content = content;
        this.#key = key;
        this.size = content.size;
        const amount = size(content.size);
        this.#size.textContent = files === undefined ? amount : `${count(files, "file")}, ${amount}`;
        this.#tell("");
        this.changed();
    }

    /** Says something below the name. */
    #tell(words, isProblem = false) {
        this.#note.textContent = words;
        this.#note.classList.toggle("problem", isProblem);
    }

    reading(words) {
        this.#tell(words);
    }

    failed(words) {
        this.#tell(words, true);
        this.isBroken = true;
        this.changed();
    }

    /** What it is to a request (requests.js). */
    get thing() {
        const service = this.service.value.trim();
        const port = Number(this.port.value);
        return {
            file: this.#file,
            run: this.run.value.trim(),
            service: service
                ? { name: service, permanent: this.permanent.box.checked, port: port > 0 ? port : undefined }
                : undefined,
        };
    }

    get #file() {
        const profile = this.profile.value || undefined;
        const folder = this.folder.value.trim();
        return {
            blob: this.blob,
            restore: this.restore,
            name: this.name,
            folder: profile ? undefined : folder === "~" ? "" : folder,
            mode: parseInt(this.mode.value, 8),
            overwrite: this.overwrite.box.checked,
            createFolder: this.create.box.checked,
            keepPrevious: this.keep.box.checked || undefined,
            profile,
            tree: this.tree || undefined,
        };
    }

    /** Why it cannot be sent, in words. */
    get problem() {
        if (this.isBroken) return `${this.name} could not be read: take it away, or choose it again.`;
        if (!this.blob && !this.restore && !this.#content) return `${this.name} is still being read.`;
        if (!/^0?[0-7]{3}$/.test(this.mode.value)) return `The mode of ${this.name} is not one such as 0644.`;
        return undefined;
    }

    get isSent() {
        return Boolean(this.blob || this.restore);
    }

    /** Shows the profiles that the nodes offer (profiles.js). */
    offer(profiles) {
        const words = (list) => list.map(({ name }) => name).join("\n");
        const isNew = words(profiles) !== words(this.#profiles) || !this.profile.options.length;
        this.#profiles = profiles;
        if (isNew) {
            const chosen = this.profile.value || this.#wantedProfile;
            const names = profiles.map(({ name }) => name);
            if (chosen && !names.includes(chosen)) names.push(chosen);
            const options = names.map((name) => element("option", { value: name }, name));
            this.profile.replaceChildren(element("option", { value: "" }, "none: place it in the folder"), ...options);
            this.profile.value = chosen;
        }
        this.profileField.hidden = this.profile.options.length === 1;
        this.refresh();
    }

    /** Which of these nodes do not offer the chosen profile, in words. */
    missing(nodes) {
        const name = this.profile.value;
        if (!name) return undefined;
        const offer = this.#profiles.find((profile) => profile.name === name);
        const without = nodes.filter((node) => !offer?.nodes.has(node));
        if (without.length === 0) return undefined;
        return `${fold(without)} ${without.length === 1 ? "does" : "do"} not offer ${name}.`;
    }

    /** The gateway does not have it any more: it is sent again, if the browser has it. */
    forget() {
        if (this.#content) this.blob = undefined;
    }

    /** Sends the bytes unless they are at the gateway. */
    async send(signal) {
        if (this.isSent) return;
        this.#upload ??= new Upload(this.#content, { key: this.#key, told: (...word) => this.#told(...word) });
        this.#upload.signal = signal;
        this.#progress.hidden = false;
        try {
            this.blob = (await this.#upload.run()).blob;
            this.#upload = undefined;
            this.#tell("uploaded");
        } catch (error) {
            this.#tell(failureWords(error), !(error instanceof Cancelled));
            if (error instanceof Cancelled) this.dispose();
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

    #told(sent, isWaiting) {
        this.sent = sent;
        this.#isWaiting = isWaiting;
        this.#rate.add(performance.now(), sent);
        this.#draw();
        this.moved?.();
    }

    #drawProgress() {
        if (!this.#upload) return;
        this.#progress.value = this.size > 0 ? this.sent / this.size : 1;
        const words = progressWords(this.sent, this.size, this.#isWaiting ? undefined : this.#rate.perSecond);
        this.#tell(this.#isWaiting ? `${words} · lost the gateway, going on when it is back` : words);
    }

    #makeControls(known) {
        const text = (value, more = {}) => element("input", { class: "form-control mono", value, ...PLAIN, ...more });
        this.folder = text(known.folder || "~");
        this.mode = text(octal(known.mode ?? 0o644), { pattern: "0?[0-7]{3}", inputmode: "numeric", size: "5" });
        this.run = text(known.run ?? "", { placeholder: "none of its own" });
        this.service = text(known.service?.name ?? "", { maxlength: "40", placeholder: "none" });
        this.port = text(known.service?.port ?? "", { type: "number", min: "0", max: "65535", placeholder: "none" });
        this.profile = element("select", { class: "form-control" });
        const changed = () => (this.refresh(), this.changed());
        this.overwrite = tick("Overwrite", known.overwrite ?? true, changed);
        this.create = tick("Create folder", known.createFolder ?? true, changed);
        this.keep = tick("Keep the previous one", known.keepPrevious ?? false, changed);
        this.permanent = tick("Keep the service until it is removed", known.service?.permanent ?? false, changed);
        for (const control of [this.folder, this.mode, this.run, this.service, this.port]) {
            control.addEventListener("input", changed);
        }
        this.profile.addEventListener("change", changed);
    }

    #options() {
        this.profileField = field("Profile", this.profile);
        this.profileField.classList.add("wide");
        this.portField = field("Its port", this.port);
        const own = this.tree ? "Its own command, run in it" : "Its own command, run in its folder";
        this.options = element(
            "div",
            { class: "options" },
            this.profileField,
            element("div", { class: "wide row-1" }, field("Folder", this.folder), field("Mode", this.mode)),
            field(own, this.run),
            element("div", { class: "row-3" }, field("Service name", this.service), this.portField),
            element("div", { class: "wide ticks" }, this.overwrite.node, this.create.node, this.keep.node, this.permanent.node),
        );
        return this.options;
    }

    /** Shows what the options mean now. */
    refresh() {
        const offer = this.#profiles.find((profile) => profile.name === this.profile.value);
        const name = this.profile.value;
        this.folder.disabled = this.mode.disabled = this.create.box.disabled = name !== "";
        if (name && this.folder.value) [this.folderBefore, this.folder.value] = [this.folder.value, ""];
        if (!name && !this.folder.value && this.folderBefore) [this.folder.value, this.folderBefore] = [this.folderBefore, undefined];
        this.folder.placeholder = name ? `set by ${name}` : "~";
        this.#says.hidden = name === "";
        this.#says.textContent = name && `${name}: ${offer?.says || "no node that is here says what it does."}`;
        this.#suggest();
        const hasService = this.service.value.trim() !== "";
        this.portField.hidden = this.permanent.node.hidden = !hasService;
        this.#summary.textContent = this.#summaryWords();
    }

    #suggest() {
        const fit = this.profile.value === "" && this.#profiles.find((profile) => takes(profile, this.name));
        this.#suggestion.hidden = !fit;
        if (!fit || this.suggested === fit.name) return;
        this.suggested = fit.name;
        const use = button(`Use ${fit.name}`, () => {
            this.profile.value = fit.name;
            this.refresh();
            this.changed();
        }, { class: "link" });
        this.#suggestion.replaceChildren(`${fit.name} takes such files: ${fit.says} `, use);
    }

    #summaryWords() {
        const { file, run, service } = this.thing;
        const words = [file.profile ? `by ${file.profile}` : `in ${this.folder.value.trim() || "~"}`];
        if (!file.profile && !this.tree) words.push(octal(file.mode || 0));
        words.push(file.overwrite ? "overwrites" : "never overwrites");
        if (file.keepPrevious) words.push("keeps the previous one");
        if (service) words.push(`service ${service.name}`);
        if (run) words.push(`runs ${run}`);
        return words.join(" · ");
    }

    #fold(isFolded) {
        this.options.hidden = isFolded;
        this.open.setAttribute("aria-expanded", String(!isFolded));
        this.node.classList.toggle("folded", isFolded);
    }

    fold() {
        this.#fold(true);
    }
}

function failureWords(error) {
    if (error instanceof Cancelled) return "cancelled";
    if (error instanceof Unreadable) return "It could not be read: it has changed or gone since it was chosen.";
    return error.sentence ?? "It could not be sent.";
}
