import { Refusal, post } from "./api.js";
import { Children } from "./children.js";
import { announce, button, element } from "./element.js";
import { byTone, count, duration, isAway, moment, stateWords, title, tone } from "./format.js";
import { Following } from "./following.js";
import { CONTROL, STDERR, STDOUT } from "./lines.js";
import { fold } from "./nodeset.js";
import { Plan } from "./plan.js";
import { RunTable } from "./runs.js";
import { Viewer } from "./viewer.js";

/** How long a stopped command has to end by itself, unless the request said otherwise. */
const USUAL_GRACE_MILLISECONDS = 60_000;

/** One execution: what it was, how every node fares, its output as it comes. */
export class ExecutionPane {
    #title = element("h1", { class: "mono" }, "…");
    #facts = element("p", { class: "quiet" });
    #chips = element("div", { class: "chips", role: "group", "aria-label": "Nodes by state" });
    #chipButtons = new Children(this.#chips, ([words, group]) => this.#chip(words, group));
    #problem = element("p", { class: "problem", role: "alert" });
    #stopping = element("p", { class: "quiet", role: "status", hidden: true });
    #lines = element("span", { class: "quiet lines" });
    #streams = new Set([STDOUT, STDERR, CONTROL, 3]);
    #timer;
    #groups = new Set();

    constructor(context, id) {
        this.id = id;
        this.following = new Following(context.live, id);
        this.plan = new Plan("Nodes and their states; choose some to see only their output", () => this.#select());
        this.table = new RunTable((node) => this.#stop([node]));
        this.viewer = new Viewer(
            this.following.transcript,
            (run) => this.following.runs.get(run)?.node ?? String(run),
            (on) => this.#showFollowing(on),
        );
        this.stop = button("Stop", () => this.#stop(this.#chosenOrAll()), { class: "danger", hidden: true });
        this.again = button("Run again", () => context.go(`#deploy/${id}`));
        this.followButton = button("Follow", () => this.#follow(), { "aria-pressed": "true" });
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
            this.#stopping,
            this.#chips,
            this.plan.node,
            this.table.node,
            element(
                "div",
                { class: "tools" },
                this.followButton,
                this.#streamButton("stdout", STDOUT),
                this.#streamButton("stderr", STDERR),
                this.#lines,
            ),
            this.viewer.node,
        );
        this.#listen();
    }

    close() {
        clearInterval(this.#timer);
        this.following.close();
        this.viewer.close();
    }

    #listen() {
        const { following } = this;
        following.addEventListener("changed", () => this.#changed());
        following.addEventListener("output", () => this.#output());
        following.addEventListener("reset", () => this.#select());
        following.addEventListener("refused", ({ detail }) => this.#refused(detail));
        this.#timer = setInterval(() => this.#showFacts(), 1000);
    }

    #changed() {
        this.#title.textContent = this.#title.title = title(this.following.execution ?? { execution: this.id });
        document.title = `${this.#title.textContent} · Estiba`;
        const runs = this.following.inOrder;
        this.plan.show(runs.map((run) => ({ name: run.node, tone: tone(run), words: stateWords(run) })));
        this.#showChips(runs);
        this.table.show(this.following.execution, this.#shownRuns());
        if (!this.following.isActive) this.#stopping.hidden = true;
        this.stop.hidden = this.#shownRuns().every((run) => run.terminal);
        this.#showFacts();
        this.#output();
    }

    #showFacts() {
        const { execution, inOrder, isActive } = this.following;
        if (!execution) return;
        const last = Math.max(...inOrder.map((run) => run.since), execution.created);
        const time = duration((isActive ? Date.now() : last) - execution.created);
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
        const runs = new Set(this.#shownRuns().map((run) => run.run));
        const all = chosen.size === 0 && this.#streams.size === 4;
        this.viewer.select(
            this.following.transcript,
            all ? undefined : (run, stream) => runs.has(run) && this.#streams.has(stream),
        );
        this.stop.textContent = chosen.size > 0 ? "Stop the chosen" : "Stop";
        if (this.following.execution) this.#changed();
    }

    #streamButton(word, stream) {
        const toggle = () => {
            if (!this.#streams.delete(stream)) this.#streams.add(stream);
            node.setAttribute("aria-pressed", String(this.#streams.has(stream)));
            this.#select();
        };
        const node = button(word, toggle, { "aria-pressed": "true" });
        return node;
    }

    #output() {
        this.viewer.update();
        const { lines } = this.viewer;
        this.#lines.textContent = lines === 0 && !this.following.isActive ? "no output" : count(lines, "line");
    }

    #follow() {
        this.viewer.follow(!this.viewer.follows);
        this.#showFollowing(this.viewer.follows);
    }

    #showFollowing(on) {
        this.followButton.setAttribute("aria-pressed", String(on));
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
        for (const part of [this.again, this.plan.node, this.table.node, this.viewer.node]) part.hidden = true;
        this.#lines.parentNode.hidden = true;
    }
}

/** The words by which runs are counted together. */
function groupOf(run) {
    return isAway(run) ? "away" : stateWords({ ...run, percent: undefined });
}
