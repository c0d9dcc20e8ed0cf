import { element, field, tick } from "./element.js";

/** The command that runs after all files are placed, or alone, and how commands run. */
export class CommandForm {
    #line = element("input", {
        class: "form-control mono",
        placeholder: "./build.sh --fast",
        autocomplete: "off",
        spellcheck: "false",
        autocapitalize: "none",
    });
    #limit = element("input", {
        class: "form-control",
        type: "number",
        min: "0",
        step: "1",
        placeholder: "none",
        inputmode: "numeric",
    });

    constructor(changed) {
        this.#line.addEventListener("input", changed);
        this.#shell = tick("Use my login shell (pipes, variables, ;)", false, changed);
        this.#options = element(
            "details",
            {},
            element("summary", {}, "Time limit"),
            field("Stop it after this many seconds", this.#limit),
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

    get timeoutMilliseconds() {
        return Number(this.#limit.value) > 0 ? Math.round(Number(this.#limit.value) * 1000) : undefined;
    }

    /** Shows what an earlier request had; `shown` is its command as text, for one that is older than its request. */
    fill(request, shown) {
        const asked = request.command ?? { line: shown };
        this.#line.value = asked.line ?? asked.shell ?? (asked.arguments ?? []).map(quoted).join(" ");
        this.#shell.box.checked = asked.shell !== undefined;
        if (request.timeoutMilliseconds) this.#limit.value = request.timeoutMilliseconds / 1000;
        this.#options.open = this.#limit.value !== "";
    }
}

/** A word as a POSIX shell would take it back. */
function quoted(word) {
    return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
