import { element, field, tick } from "./element.js";

const MEBIBYTE = 1 << 20;

/** A field for a whole number; empty is none. */
function number() {
    return element("input", {
        class: "form-control",
        type: "number",
        min: "0",
        step: "1",
        placeholder: "none",
        inputmode: "numeric",
    });
}

/** The command that runs after all files are placed, or alone, and how commands run. */
export class CommandForm {
    #line = element("input", {
        class: "form-control mono",
        placeholder: "./build.sh --fast",
        autocomplete: "off",
        spellcheck: "false",
        autocapitalize: "none",
    });
    #seconds = number();
    #mebibytes = number();
    #processes = number();

    constructor(changed) {
        this.#line.addEventListener("input", changed);
        this.#shell = tick("Use my login shell (pipes, variables, ;)", false, changed);
        this.#options = element(
            "details",
            {},
            element("summary", {}, "Limits"),
            field("Stop it after this many seconds", this.#seconds),
            field("End it beyond this many MiB of memory on a node", this.#mebibytes),
            field("End it beyond this many processes on a node", this.#processes),
        );
        this.node = element(
            "section",
            {},
            element("h2", {}, "Then run"),
            field("Command", this.#line),
            this.#shell.node,
            this.#options,
        );
    }

    #shell;
    #options;

    get line() {
        return this.#line.value.trim();
    }

    get shell() {
        return this.#shell.box.checked;
    }

    /** The members of a request that say what a run may take; without those that are left open. */
    get limits() {
        const limit = ({ value }, factor) => Number(value) > 0 ? Math.round(Number(value) * factor) : undefined;
        return {
            timeoutMilliseconds: limit(this.#seconds, 1000),
            memoryBytes: limit(this.#mebibytes, MEBIBYTE),
            processes: limit(this.#processes, 1),
        };
    }

    /** Shows what an earlier request had; `shown` is its command as text, for one that is older than its request. */
    fill(request, shown) {
        const asked = request.command ?? { line: shown };
        this.#line.value = asked.line ?? asked.shell ?? (asked.arguments ?? []).map(quoted).join(" ");
        this.#shell.box.checked = asked.shell !== undefined;
        if (request.timeoutMilliseconds) this.#seconds.value = request.timeoutMilliseconds / 1000;
        if (request.memoryBytes) this.#mebibytes.value = request.memoryBytes / MEBIBYTE;
        if (request.processes) this.#processes.value = request.processes;
        this.#options.open = [this.#seconds, this.#mebibytes, this.#processes].some((one) => one.value !== "");
    }
}

/** A word as a POSIX shell would take it back. */
function quoted(word) {
    return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
