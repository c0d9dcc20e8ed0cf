import { Refusal, post } from "./api.js";
import { Children } from "./children.js";
import { announce, button, element } from "./element.js";
import { byTone, count, duration, isAway, moment, ownerWords, stateWords, title, tone } from "./format.js";
import { Following } from "./following.js";
import { NodeSetError, chosenNodes, fold } from "./nodeset.js";
import { OutputView } from "./outputview.js";
import { Plan } from "./plan.js";
import { RunTable } from "./runs.js";

/** How long a stopped command has to end by itself, unless the request said otherwise. */
const USUAL_GRACE_MILLISECONDS = 60_000;

/** With more nodes than this they can also be chosen by a node set. */
const TYPED = 12;

/** One execution: what it was, how every node fares, its output as it comes. */
export class ExecutionPane {
    #title = element("h1", { class: "mono" }, "…");
    #facts = element("p", { class: "quiet" });
    #chips = element("div", { class: "chips", role: "group", "aria-label": "Nodes by state" });
    #chipButtons = new Children(this.#chips, ([words, group]) => this.#chip(words, group));
    #problem = element("p", { class: "problem", role: "alert" });
    #away = element("p", { class: "quiet", role: "status", hidden: true });
    #stopping = element("p", { class: "quiet", role: "status", hidden: true });
    #timer;
    #groups = new Set();

    /** With `node`, that one is chosen at first. */
    constructor(context, id, node) {
        this.id = id;
        this.wanted = node;
        this.following = new Following(context.live, id);
        this.plan = new Plan("Nodes and their states; choose some to see only their output", () => this.#select());
        this.typed = element("input", {
            class: "form-control mono typed-nodes",
            type: "search",
            placeholder: "node[1-9], web*",
            "aria-label": "Choose nodes by a node set",
            hidden: true,
            on: { input: () => this.#chooseTyped() },
        });
        this.table = new RunTable((node) => this.#stop([node]));
        this.output = new OutputView(this.following, id, (nodes) => {
            this.plan.choose(nodes);
            this.#select();
        });
        this.stop = button("Stop", () => this.#stop(this.#chosenOrAll()), { class: "danger", hidden: true });
        this.again = button("Run again", () => context.go(`#deploy/${id}`));
        this.node = element(
            "article",
            { "aria-label": "Execution" },
            element(
                "div",
                { class: "head" },
                element("div", {}, this.#title, this.#facts),
                element("div", { class: "acts" }, this.again, this.stop),
            ),
            this.#problem,
            this.#away,
            this.#stopping,
            this.#chips,
            this.typed,
            this.plan.node,
            this.table.node,
            this.output.node,
        );
        this.#listen();
    }

    close() {
        clearInterval(this.#timer);
        this.following.close();
        this.output.close();
    }

    #listen() {
        const { following } = this;
        following.addEventListener("changed", () => this.#changed());
        following.addEventListener("output", () => this.output.grown());
        following.addEventListener("reset", () => this.#select());
        following.addEventListener("refused", ({ detail }) => this.#refused(detail));
        this.#timer = setInterval(() => this.#showFacts(), 1000);
    }

    #changed() {
        this.#title.textContent = this.#title.title = title(this.following.execution ?? { execution: this.id });
        document.title = `${this.#title.textContent} · Estiba`;
        const runs = this.following.inOrder;
        this.plan.show(runs.map((run) => ({ name: run.node, tone: tone(run), words: stateWords(run) })));
        if (this.wanted && runs.some((run) => run.node === this.wanted)) return this.#chooseWanted();
        this.typed.hidden = runs.length <= TYPED;
        this.#showChips(runs);
        this.table.show(this.following.execution, this.#shownRuns());
        if (!this.following.isActive) this.#stopping.hidden = true;
        this.stop.hidden = this.#shownRuns().every((run) => run.terminal);
        this.#showFacts();
        this.output.tell();
    }

    #chooseTyped() {
        const text = this.typed.value.trim();
        let names = [];
        try {
            if (text) names = chosenNodes(text, this.following.inOrder.map((run) => run.node));
            this.typed.removeAttribute("aria-invalid");
            this.typed.title = "";
        } catch (error) {
            if (!(error instanceof NodeSetError)) throw error;
            this.typed.setAttribute("aria-invalid", "true");
            this.typed.title = error.message;
        }
        this.plan.choose(names);
        this.#select();
    }

    #chooseWanted() {
        this.plan.choose([this.wanted]);
        this.wanted = undefined;
        this.#select();
    }

    #showFacts() {
        const { execution, inOrder, isActive } = this.following;
        if (!execution) return;
        const last = Math.max(...inOrder.map((run) => run.since), execution.created);
        const time = duration((isActive ? Date.now() : last) - execution.created);
        this.#away.textContent = ownerWords({ ...execution, complete: this.following.isComplete });
        this.#away.hidden = this.#away.textContent === "";
        const rest = this.following.isComplete ? "" : " · output is still coming";
        const state = isActive ? `for ${time}` : `took ${time}${rest}`;
        this.#facts.textContent = `${this.id} · ${execution.user} · ${moment(execution.created)} · ${state}`;
    }

    #showChips(runs) {
        const groups = new Map();
        for (const run of runs) {
            const words = groupOf(run);
            groups.set(words, { tone: tone(run), number: (groups.get(words)?.number ?? 0) + 1 });
        }
        const sorted = [...groups].sort(([, one], [, other]) => byTone(one.tone, other.tone));
        const sum = sorted.map(([words, group]) => `${group.number} ${words}`);
        this.#chipButtons.show(sorted.map(([words, group]) => ({
            key: words,
            face: `${group.number} ${group.tone} ${this.#groups.has(words)}`,
            value: [words, group],
        })));
        if (!this.following.isActive) announce(`Ended: ${sum.join(", ")}.`);
    }

    #chip(words, group) {
        const choose = () => {
            if (!this.#groups.delete(words)) this.#groups.add(words);
            this.plan.choose(
                this.following.inOrder.filter((run) => this.#groups.has(groupOf(run))).map((run) => run.node),
            );
            this.#select();
        };
        return button(
            `${group.number} ${words}`,
            choose,
            { class: "chip", "data-tone": group.tone, "aria-pressed": String(this.#groups.has(words)) },
        );
    }

    #shownRuns() {
        const { chosen } = this.plan;
        return this.following.inOrder.filter((run) => chosen.size === 0 || chosen.has(run.node));
    }

    #chosenOrAll() {
        return this.plan.chosen.size > 0 ? [...this.plan.chosen] : undefined;
    }

    #select() {
        const { chosen } = this.plan;
        if (chosen.size === 0) this.#groups.clear();
        this.output.select(chosen.size > 0 ? new Set(this.#shownRuns().map((run) => run.run)) : undefined);
        this.stop.textContent = chosen.size > 0 ? "Stop the chosen" : "Stop";
        if (this.following.execution) this.#changed();
    }

    async #stop(nodes) {
        this.#problem.textContent = "";
        try {
            await post(`executions/${this.id}/stop`, nodes ? { nodes } : {});
            const grace = duration(this.following.execution?.request?.graceMilliseconds ?? USUAL_GRACE_MILLISECONDS);
            this.#stopping.textContent = `Stopping ${nodes ? fold(nodes) : "all"}. What has not ended after ${grace} is killed.`;
            this.#stopping.hidden = !this.following.isActive;
        } catch (error) {
            if (!(error instanceof Refusal)) throw error;
            this.#problem.textContent = error.sentence;
        }
    }

    #refused(failure) {
        const isUnknown = failure.code === "unknown_execution";
        this.#title.textContent = isUnknown ? "There is no such execution" : "This execution cannot be shown";
        this.#problem.textContent = isUnknown
            ? "It may be another user's, or its time here is over. History has all that are yours."
            : failure.sentence;
        for (const part of [this.again, this.plan.node, this.table.node, this.output.node]) part.hidden = true;
    }
}

/** The words by which runs are counted together. */
function groupOf(run) {
    return isAway(run) ? "away" : stateWords({ ...run, percent: undefined });
}
