import { FileCard } from "./card.js";
import { SetForAll } from "./setforall.js";
import { FolderTooLarge, chosenFolders, droppedThings } from "./dropped.js";
import { element } from "./element.js";
import { count } from "./format.js";
import { onceAFrame } from "./pacing.js";
import { tarParts } from "./tar.js";
import { inLanes, usualMode } from "./upload.js";
import { uploadKey } from "./uploadmemory.js";

/** The gateway takes no more files in one request. */
const MOST_FILES = 1000;
/** More cards than this come folded: what stands in them is one line each. */
const MOST_OPEN = 3;
const HEADS_AT_ONCE = 16;

/** The files of a deployment: dropped or chosen, each with its own options. */
export class FileList {
    cards = [];
    #list = element("ul", { class: "files" });
    #problem = element("p", { class: "problem", role: "alert" });
    #changed;
    #profiles = [];

    constructor(user, changed) {
        this.user = user;
        this.#changed = changed;
        this.#all = new SetForAll(() => this.cards, changed, () => this.clear());
        this.node = element(
            "section",
            { class: "what" },
            element("h2", {}, "What"),
            this.#dropPlace(),
            this.#problem,
            this.#all.node,
            this.#list,
        );
    }

    #all;

    #dropPlace() {
        const files = this.#picker("files", { multiple: true }, () => [...files.files].map((file) => ({ file })));
        const folder = this.#picker("folder", { webkitdirectory: true }, () => chosenFolders(folder.files));
        const drop = element(
            "div",
            { class: "drop" },
            element("b", {}, "Drop files or a folder here"),
            element(
                "span",
                {},
                "or ",
                element("label", { for: "files", class: "pick" }, "choose files"),
                ", ",
                element("label", { for: "folder", class: "pick" }, "choose a folder"),
                ", or none: just a command",
            ),
        );
        for (const name of ["dragover", "dragleave", "drop"]) {
            drop.addEventListener(name, (event) => this.#drag(event, drop));
        }
        return [files, folder, drop];
    }

    #picker(id, attributes, chosen) {
        const take = () => {
            const things = chosen();
            input.value = "";
            this.addAll(things);
        };
        const label = id === "files" ? "Choose files" : "Choose a folder";
        const input = element("input", {
            type: "file",
            id,
            class: "visually-hidden",
            "aria-label": label,
            ...attributes,
            on: { change: take },
        });
        return input;
    }

    /** Adds one that is at the gateway already, as an earlier request had it. */
    addKnown(known) {
        return this.#add(known);
    }

    /** Adds what was dropped or chosen (dropped.js). */
    async addAll(things) {
        this.#problem.textContent = "";
        if (this.cards.length + things.length > MOST_FILES) {
            this.#problem.textContent = `One deployment takes at most ${count(MOST_FILES, "file")}. Put them into a folder and drop that.`;
            return;
        }
        const modes = new Map();
        await inLanes(HEADS_AT_ONCE, things.filter(({ file }) => file), async ({ file }) => {
            modes.set(file, await usualMode(file).catch(() => undefined));
        });
        await Promise.all(things.map((thing) => (
            thing.file ? this.#addFile(thing.file, modes.get(thing.file)) : this.#addFolder(thing)
        )));
    }

    clear() {
        for (const card of this.cards) this.#drop(card);
        this.cards = [];
        this.#told();
    }

    /** The profiles that the nodes offer now. */
    offer(profiles) {
        this.#profiles = profiles;
        for (const card of this.cards) card.offer(profiles);
    }

    #addFile(file, mode) {
        if (mode === undefined) this.#problem.textContent = `${file.name} could not be read.`;
        else this.#add({ name: file.name, mode }).fill(file, { key: uploadKey(this.user, file) });
    }

    async #addFolder({ name, entries }) {
        const card = this.#add({ name, tree: true, mode: 0o755 });
        card.tell("Reading the folder…");
        try {
            const found = await entries();
            const parts = tarParts(await described(found)).parts;
            card.fill(new Blob(parts), { files: found.filter((entry) => entry.file).length });
        } catch (error) {
            card.fail(
                error instanceof FolderTooLarge
                    ? "There are more files in it than a page can take. The command line takes any number: estiba deploy -r."
                    : "Something in the folder could not be read.",
            );
        }
    }

    #add(known) {
        const card = new FileCard(known, { changed: () => this.#told(), remove: () => this.#remove(card) });
        const twin = this.cards.find((other) => other.name === card.name && other.options.folder.value === card.options.folder.value);
        if (twin) this.#remove(twin);
        card.offer(this.#profiles);
        this.cards.push(card);
        this.#list.append(card.node);
        if (this.cards.length > MOST_OPEN) card.fold(true);
        if (this.cards.length === MOST_OPEN + 1) this.cards.forEach((other) => other.fold(true));
        this.#told();
        return card;
    }

    #remove(card) {
        const at = this.cards.indexOf(card);
        this.cards = this.cards.filter((other) => other !== card);
        const hadFocus = card.node.contains(document.activeElement);
        this.#drop(card);
        if (hadFocus) (this.cards[at] ?? this.cards.at(-1))?.node.querySelector(".remove").focus();
        this.#told();
    }

    #drop(card) {
        card.dispose();
        card.node.remove();
    }

    /** Once for a thousand files that come together. */
    #told = onceAFrame(() => {
        this.#all.update();
        this.#changed();
    });

    #drag(event, drop) {
        event.preventDefault();
        drop.classList.toggle("over", event.type === "dragover");
        if (event.type === "drop") this.addAll(droppedThings(event.dataTransfer));
    }
}

/** The entries of a folder as tar.js takes them: with the modes that their first bytes ask for. */
async function described(found) {
    const entries = found.map(({ path, file, isFolder }) => ({
        path,
        isFolder,
        content: file,
        size: file?.size ?? 0,
        modified: file?.lastModified ?? 0,
        mode: 0o755,
    }));
    const files = entries.filter((entry) => !entry.isFolder);
    await inLanes(HEADS_AT_ONCE, files, async (entry) => {
        entry.mode = await usualMode(entry.content);
    });
    return entries;
}
