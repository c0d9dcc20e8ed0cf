import { button, element, field, tick } from "./element.js";
import { octal } from "./format.js";
import { fold } from "./nodeset.js";
import { takes } from "./profiles.js";

const PLAIN = { spellcheck: "false", autocapitalize: "none", autocomplete: "off" };

/** What is to be done with one file or folder: where it goes, what runs then, under which name it is known. */
export class CardOptions {
    /** What the chosen profile will do, and a profile that fits the name: shown also while the options are folded. */
    says = element("p", { class: "note", hidden: true });
    suggestion = element("p", { class: "note suggestion", hidden: true });
    #profiles = [];
    #wanted;
    #suggested;
    /** The folder that was written before a profile took its place. */
    #folderBefore;
    #changed;

    /** `known` is what an earlier request said; `changed()` follows every change of the user's. */
    constructor(known, changed) {
        this.name = known.name;
        this.tree = known.tree ?? false;
        this.#wanted = known.profile ?? "";
        this.#changed = () => (this.refresh(), changed());
        this.#makeFields(known);
        this.#makeTicks(known);
        this.#lay();
        this.refresh();
    }

    get run() {
        return this.#run.value.trim();
    }

    get service() {
        const name = this.#service.value.trim();
        const port = Number(this.#port.value);
        return name ? { name, permanent: this.permanent.box.checked, port: port > 0 ? port : undefined } : undefined;
    }

    /** Its part of a file in a request. */
    get file() {
        const profile = this.profile.value || undefined;
        const folder = this.folder.value.trim();
        return {
            folder: profile ? undefined : folder === "~" ? "" : folder,
            mode: this.tree ? undefined : parseInt(this.#mode.value, 8),
            overwrite: this.overwrite.box.checked,
            createFolder: this.create.box.checked,
            keepPrevious: this.keep.box.checked || undefined,
            profile,
        };
    }

    /** What is wrong in it, in words. */
    get problem() {
        if (/^0?[0-7]{3}$/.test(this.#mode.value)) return undefined;
        return `The mode of ${this.name} is not one such as 0644.`;
    }

    /** All of it in one line. */
    get words() {
        const { file, run, service } = this;
        const words = [file.profile ? `by ${file.profile}` : `in ${this.folder.value.trim() || "~"}`];
        if (!file.profile && !this.tree) words.push(octal(file.mode || 0));
        words.push(file.overwrite ? "overwrites" : "never overwrites");
        if (file.keepPrevious) words.push("keeps the previous one");
        if (service) words.push(`service ${service.name}`);
        if (run) words.push(`runs ${run}`);
        return words.join(" · ");
    }

    /** Shows the profiles that the nodes offer (profiles.js): for a file, since they take no folders. */
    offer(offered) {
        const profiles = this.tree ? [] : offered;
        const names = profiles.map(({ name }) => name);
        const isNew = names.join("\n") !== this.#profiles.map(({ name }) => name).join("\n") || !this.profile.length;
        this.#profiles = profiles;
        if (isNew) {
            const chosen = this.profile.value || this.#wanted;
            if (chosen && !names.includes(chosen)) names.push(chosen);
            const options = names.map((name) => element("option", { value: name }, name));
            this.profile.replaceChildren(element("option", { value: "" }, "none: place it in the folder"), ...options);
            this.profile.value = chosen;
        }
        this.#profileField.hidden = this.profile.length === 1;
        this.refresh();
    }

    /** Which of these nodes do not offer the chosen profile, in words. */
    missing(nodes) {
        const name = this.profile.value;
        const offer = this.#profiles.find((profile) => profile.name === name);
        const without = name ? nodes.filter((node) => !offer?.nodes.has(node)) : [];
        if (without.length === 0) return undefined;
        return `${fold(without)} ${without.length === 1 ? "does" : "do"} not offer ${name}.`;
    }

    /** Shows what the options mean now. */
    refresh() {
        const name = this.profile.value;
        this.folder.disabled = this.#mode.disabled = this.create.box.disabled = name !== "";
        if (name && this.folder.value) [this.#folderBefore, this.folder.value] = [this.folder.value, ""];
        else if (!name && this.#folderBefore) [this.folder.value, this.#folderBefore] = [this.#folderBefore, undefined];
        this.folder.placeholder = name ? `set by ${name}` : "~";
        const offer = this.#profiles.find((profile) => profile.name === name);
        this.says.hidden = name === "";
        this.says.textContent = `${name}: ${offer?.says || "no node that is here says what it does."}`;
        this.#portField.hidden = this.permanent.node.hidden = this.service === undefined;
        this.#suggest();
    }

    #suggest() {
        const isOpen = this.profile.value === "" && this.run === "";
        const fit = isOpen && this.#profiles.find((profile) => takes(profile, this.name));
        this.suggestion.hidden = !fit;
        if (!fit || this.#suggested === fit.name) return;
        this.#suggested = fit.name;
        const choose = () => {
            this.profile.value = fit.name;
            this.#changed();
        };
        const use = button(`Use ${fit.name}`, choose, { class: "link", title: fit.says });
        this.suggestion.replaceChildren("A profile takes such files: ", use);
    }

    #run;
    #mode;
    #service;
    #port;
    #portField;
    #profileField;

    #makeFields(known) {
        const text = (value, more = {}) => element("input", {
            class: "form-control mono",
            value,
            ...PLAIN,
            ...more,
            on: { input: this.#changed },
        });
        this.folder = text(known.folder || "~");
        this.#mode = text(octal(known.mode ?? 0o644), { pattern: "0?[0-7]{3}", inputmode: "numeric", size: "5" });
        this.#run = text(known.run ?? "", { placeholder: "none of its own" });
        this.#service = text(known.service?.name ?? "", { maxlength: "40", placeholder: "none" });
        const port = { type: "number", min: "0", max: "65535", placeholder: "none" };
        this.#port = text(known.service?.port ?? "", port);
        this.profile = element("select", { class: "form-control", on: { change: this.#changed } });
    }

    #makeTicks(known) {
        this.overwrite = tick("Overwrite", known.overwrite ?? true, this.#changed);
        this.create = tick("Create folder", known.createFolder ?? true, this.#changed);
        this.keep = tick("Keep the previous one", known.keepPrevious ?? false, this.#changed);
        const isPermanent = known.service?.permanent ?? false;
        this.permanent = tick("Keep the service until it is removed", isPermanent, this.#changed);
    }

    #lay() {
        this.#profileField = field("Profile", this.profile);
        this.#profileField.classList.add("wide");
        this.#profileField.hidden = true;
        this.#portField = field("Its port", this.#port);
        const mode = !this.tree && field("Mode", this.#mode);
        const ticks = [this.overwrite, this.create, this.keep, this.permanent].map(({ node }) => node);
        this.node = element(
            "div",
            { class: "options" },
            this.#profileField,
            element("div", { class: "wide beside-narrow" }, field("Folder", this.folder), mode),
            field(this.tree ? "Its own command, run in it" : "Its own command, run in its folder", this.#run),
            element("div", { class: "beside-narrow" }, field("Service name", this.#service), this.#portField),
            element("div", { class: "wide ticks" }, ticks),
        );
    }
}
