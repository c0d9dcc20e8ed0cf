import { Refusal, get } from "./api.js";
import { Children } from "./children.js";
import { announce, button, element } from "./element.js";
import { byTone, count, isAway, stateWords, title, tone } from "./format.js";
import { fold } from "./nodeset.js";
import { onceAFrame } from "./pacing.js";
import { Plan } from "./plan.js";
import { rollBack } from "./submit.js";

/** More groups of reasons than this are read by nobody. */
const MOST_GROUPS = 40;

/**
 * How one execution fares on its nodes: each a cell with its state, and in words every one that did not come through,
 * with the reason. Follows the states alone, not the output.
 */
export class Outcome {
    runs = new Map();
    isComplete = false;
    #what = element("b", { class: "mono" });
    #chips = element("div", { class: "chips" });
    #chipList = new Children(this.#chips, ([words, group]) => element("span", { class: "chip", "data-tone": group }, words));
    #reasons = element("ul", { class: "reasons" });
    #reasonList = new Children(this.#reasons, (group) => reasonLine(group));
    #note = element("p", { class: "note", role: "status" });
    #plan;
    #end;
    #show = onceAFrame(() => this.#draw());

    /** `added(execution)` is told of a rollback, `changed()` of every new state. */
    constructor(context, execution, { added, changed }) {
        Object.assign(this, { context, execution, added, changed });
        this.id = execution.execution;
        this.#plan = new Plan(`Nodes of ${title(execution)}; choose one to read its state`, () => this.#draw());
        this.back = button("Put the previous back", () => this.#rollBack(), { hidden: true });
        this.node = element(
            "article",
            { class: "outcome", "aria-label": title(execution), "data-execution": this.id },
            element(
                "div",
                { class: "head" },
                this.#what,
                element("a", { href: `#output/${this.id}`, "aria-label": `Output of ${title(execution)}` }, "Output"),
            ),
            this.#chips,
            this.#plan.node,
            this.#reasons,
            this.#note,
            this.back,
        );
        this.#setRuns(execution.runs ?? []);
        this.follow();
    }

    close() {
        this.#end?.();
    }

    get isActive() {
        return this.runs.size === 0 || [...this.runs.values()].some((run) => !run.terminal);
    }

    /** The nodes where it did not come through. */
    get failed() {
        return this.#inOrder.filter((run) => run.terminal && tone(run) === "bad").map((run) => run.node);
    }

    /** What was asked for, with these nodes only. */
    async requestFor(nodes) {
        this.execution = await get(`executions/${this.id}`);
        return { ...this.execution.request, nodes };
    }

    get #inOrder() {
        return [...this.runs.values()].sort((one, other) => one.run - other.run);
    }

    /** Follows it to its end, anew where it was followed before. */
    follow() {
        this.close();
        if (this.isComplete) return;
        const refused = (failure) => (this.#note.textContent = failure.sentence);
        const nothing = () => undefined;
        this.#end = this.context.live.follow(this.id, {
            opened: ({ execution }) => {
                this.execution = execution;
                this.#setRuns(execution.runs ?? []);
            },
            run: (run) => this.#setRuns([run]),
            complete: () => this.#completed(),
            reset: nothing,
            entries: nothing,
            caughtUp: nothing,
            refused,
        }, { output: false });
    }

    #completed() {
        this.isComplete = true;
        this.close();
        this.#show();
    }

    #setRuns(runs) {
        for (const run of runs) this.runs.set(run.run, run);
        this.#show();
    }

    #draw() {
        const runs = this.#inOrder;
        this.#what.textContent = whatWords(this.execution);
        this.#plan.show(runs.map((run) => ({ name: run.node, tone: tone(run), words: stateWords(run), mark: mark(run) })));
        this.#chipList.show(chips(runs));
        const { chosen } = this.#plan;
        const told = runs.filter((run) => chosen.has(run.node) || isAway(run) || tone(run) === "bad" || this.#isStuck(run));
        const groups = reasonGroups(told);
        this.#reasonList.show(groups.slice(0, MOST_GROUPS));
        if (groups.length > MOST_GROUPS) this.#note.textContent = `${groups.length - MOST_GROUPS} more reasons: choose nodes above.`;
        const files = this.execution.request?.files ?? [];
        this.back.hidden = this.isActive || this.isRolledBack || !files.some((file) => file.keepPrevious && !file.restore);
        this.changed();
    }

    /** It waits for a node that is away. */
    #isStuck(run) {
        return run.state === "waiting" && !this.context.world.nodes.get(run.node)?.present;
    }

    async #rollBack() {
        this.back.disabled = true;
        try {
            const execution = await rollBack(this.id);
            this.isRolledBack = true;
            this.added(execution);
            announce("The previous ones are being put back.");
        } catch (error) {
            if (!(error instanceof Refusal)) throw error;
            this.#note.textContent = error.sentence;
        } finally {
            this.back.disabled = false;
            this.#draw();
        }
    }
}

/** What it places and runs, in one line. */
function whatWords(execution) {
    const names = (execution.files ?? []).map((file) => file.name);
    const files = names.length > 3 ? count(names.length, "file") : names.join(", ");
    const isRollback = execution.request?.files?.some((file) => file.restore);
    return [isRollback ? `put back: ${files}` : files, execution.command].filter(Boolean).join(" → ");
}

/** The words in a cell: how far it is, or how it ended. */
function mark(run) {
    return isAway(run) ? "away" : stateWords(run);
}

function chips(runs) {
    const groups = new Map();
    for (const run of runs) {
        const words = isAway(run) ? "away" : stateWords({ ...run, percent: undefined });
        groups.set(words, { tone: tone(run), number: (groups.get(words)?.number ?? 0) + 1 });
    }
    return [...groups].sort(([, one], [, other]) => byTone(one.tone, other.tone)).map(([words, group]) => ({
        key: words,
        face: `${group.number} ${group.tone}`,
        value: [`${group.number} ${words}`, group.tone],
    }));
}

/** Nodes with the same state for the same reason are one line. */
function reasonGroups(runs) {
    const groups = new Map();
    for (const run of runs) {
        const words = stateWords(run);
        const reason = run.reason ? run.reason.sentence || run.reason.code : "";
        const key = JSON.stringify([words, reason]);
        if (!groups.has(key)) groups.set(key, { words, reason, tone: tone(run), nodes: [] });
        groups.get(key).nodes.push(run.node);
    }
    return [...groups].map(([key, group]) => ({ key, face: group.nodes.join(), value: group }));
}

function reasonLine({ words, reason, tone, nodes }) {
    return element(
        "li",
        {},
        element("b", { class: "mono" }, fold(nodes)),
        " ",
        element("span", { class: "state", "data-tone": tone }, words),
        reason && ` ${reason}`,
    );
}
