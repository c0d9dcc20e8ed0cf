import { Refusal, get, query } from "./api.js";
import { Children } from "./children.js";
import { button, element } from "./element.js";
import { duration, moment, stateWords, title, tone } from "./format.js";

const PAGE = 50;
const LOOK_MILLISECONDS = 500;

/** What has run on one node, newest first; each opens its execution with the node chosen. */
export class NodeRuns {
    #runs = new Map();
    #body = element("tbody");
    #rows = new Children(this.#body, (one) => row(this.name, one));
    #problem = element("p", { class: "problem", role: "alert" });
    #nothing = element("p", { class: "quiet", hidden: true }, "Nothing of yours has run here yet.");
    #timer;

    constructor(context, name) {
        Object.assign(this, { context, name });
        this.state = element("span", { class: "state" });
        this.more = button("Show older ones", () => this.#load(this.#oldest), { hidden: true });
        const heads = ["What", "State", "Time", "Note", "When"].map((head) => element("th", { scope: "col" }, head));
        this.node = element(
            "article",
            { "aria-label": `Runs on ${name}` },
            element("div", { class: "head" }, element("h1", { class: "mono" }, name), this.state),
            this.#problem,
            element(
                "table",
                { class: "table history node-runs" },
                element("thead", {}, element("tr", {}, heads)),
                this.#body,
            ),
            this.#nothing,
            this.more,
        );
        this.update = () => {
            this.#showNode();
            // What has changed of an execution says nothing of one node: it is asked for, now and then.
            this.#timer ??= setTimeout(() => {
                this.#timer = undefined;
                this.#load();
            }, LOOK_MILLISECONDS);
        };
        context.world.addEventListener("executions", this.update);
        context.world.addEventListener("nodes", this.update);
        this.#showNode();
        this.#load();
    }

    close() {
        clearTimeout(this.#timer);
        this.context.world.removeEventListener("executions", this.update);
        this.context.world.removeEventListener("nodes", this.update);
    }

    get #oldest() {
        return [...this.#runs.values()].at(-1)?.execution.execution;
    }

    #showNode() {
        const node = this.context.world.nodes.get(this.name);
        this.state.textContent = !node ? "not known" : node.present ? "here" : `away since ${moment(node.since)}`;
        this.state.dataset.tone = node?.present ? "ok" : "away";
    }

    async #load(before) {
        const wish = query({ node: this.name, limit: PAGE, ...(before && { before }) });
        try {
            const { runs } = await get(`runs?${wish}`);
            this.#problem.textContent = "";
            for (const one of runs) this.#runs.set(one.execution.execution, one);
            if (before || this.#runs.size <= PAGE) this.more.hidden = runs.length < PAGE;
            this.#show();
        } catch (error) {
            if (!(error instanceof Refusal)) throw error;
            if (error.status !== 0) this.#problem.textContent = error.sentence;
        }
    }

    #show() {
        const newest = [...this.#runs.values()].sort((one, other) => other.execution.created - one.execution.created);
        this.#runs = new Map(newest.map((one) => [one.execution.execution, one]));
        this.#nothing.hidden = newest.length > 0;
        this.#rows.show(newest.map((one) => ({
            key: one.execution.execution,
            face: [title(one.execution), stateWords(one.run), tone(one.run), time(one), note(one.run)].join("\n"),
            value: one,
        })));
    }
}

function row(name, { execution, run }) {
    const words = title(execution);
    return element(
        "tr",
        { "data-execution": execution.execution },
        element(
            "th",
            { scope: "row" },
            element("a", { class: "mono", href: `#output/${execution.execution}/${name}` }, words),
        ),
        element("td", {}, element("span", { class: "state", "data-tone": tone(run) }, stateWords(run))),
        element("td", { class: "time" }, time({ execution, run })),
        element("td", { class: "why" }, note(run)),
        element("td", { class: "time" }, moment(execution.created)),
    );
}

function time({ execution, run }) {
    return run.terminal ? duration(run.since - execution.created) : `since ${moment(run.since)}`;
}

function note(run) {
    return run.reason?.sentence || run.reason?.code || "";
}
