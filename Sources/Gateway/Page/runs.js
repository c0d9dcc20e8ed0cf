import { address } from "./api.js";
import { Children } from "./children.js";
import { button, element } from "./element.js";
import { byTone, count, duration, moment, stateWords, tone } from "./format.js";

/** More rows than this are read by nobody: the plan and the chips choose which. */
const MOST_ROWS = 100;
/** With more nodes than this the table stays shut until it is opened: the plan says the same in less room. */
const OPEN_ROWS = 8;
/** States in which a run was ended by others than itself: how many processes are left is the proof. */
const ENDED_FROM_OUTSIDE = new Set(["stopped", "cancelled", "timed-out", "out-of-memory"]);

/** The runs of an execution as a table, the odd ones first: node, state, why, and what can be done. */
export class RunTable {
    #body = element("tbody");
    #rows = new Children(this.#body, ({ execution, run }) => this.#row(execution, run));
    #more = element("p", { class: "quiet" });
    #isShown = false;

    /** `stop(node)` is called for "Stop" of one node. */
    constructor(stop) {
        this.stop = stop;
        const heads = ["Node", "State", "Time", "Note", "Download", ""].map((head) => element("th", { scope: "col" }, head));
        this.node = element(
            "details",
            { class: "runs" },
            element("summary", {}, "Nodes"),
            element(
                "div",
                { class: "scroll" },
                element("table", { class: "table" }, element("thead", {}, element("tr", {}, heads)), this.#body),
            ),
            this.#more,
        );
    }

    show(execution, runs) {
        if (!this.#isShown && runs.length > 0) {
            this.#isShown = true;
            this.node.open = runs.length <= OPEN_ROWS;
        }
        const sorted = [...runs].sort(
            (one, other) => byTone(tone(one), tone(other)) || one.run - other.run,
        );
        this.#rows.show(sorted.slice(0, MOST_ROWS).map((run) => ({
            key: run.run,
            face: [run.terminal, stateWords(run), tone(run), time(execution, run), notes(run)].join("\n"),
            value: { execution, run },
        })));
        const more = runs.length - MOST_ROWS;
        this.#more.textContent = more > 0 ? `${more} more: choose in the plan above.` : "";
    }

    #row(execution, run) {
        const link = (stream) => {
            const path = `executions/${execution.execution}/raw?node=${encodeURIComponent(run.node)}&stream=${stream}`;
            return element(
                "a",
                {
                    href: address(path),
                    download: `${execution.execution}-${run.node}.${stream}`,
                    "aria-label": `Download ${stream} of ${run.node}`,
                },
                stream,
            );
        };
        const stop = button(
            "Stop",
            () => this.stop(run.node),
            { class: "link danger", "aria-label": `Stop ${run.node}` },
        );
        return element(
            "tr",
            { "data-node": run.node, "data-state": run.state },
            element("th", { scope: "row", class: "mono" }, run.node),
            element("td", {}, element("span", { class: "state", "data-tone": tone(run) }, stateWords(run))),
            element("td", { class: "time" }, time(execution, run)),
            element("td", { class: "why" }, notes(run)),
            element("td", { class: "raws" }, link("stdout"), " ", link("stderr")),
            element("td", {}, run.terminal ? "" : stop),
        );
    }
}

function processes(number) {
    return count(number, "process", "processes");
}

/** How long it took, or since when it is so. */
function time(execution, run) {
    return run.terminal ? duration(run.since - execution.created) : `since ${moment(run.since)}`;
}

/** Why it is so, and what was left behind, in words. */
function notes(run) {
    const parts = [];
    if (run.reason) parts.push(run.reason.sentence || run.reason.code);
    if (run.leftOver) parts.push(`${processes(run.leftOver)} stopped at the end`);
    if (run.remaining !== undefined && ENDED_FROM_OUTSIDE.has(run.state)) {
        parts.push(`${processes(run.remaining)} left`);
    }
    return parts.join(". ");
}
