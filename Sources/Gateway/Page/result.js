import { Refusal } from "./api.js";
import { announce, button, element } from "./element.js";
import { count } from "./format.js";
import { fold } from "./nodeset.js";
import { Outcome } from "./outcome.js";
import { onceAFrame } from "./pacing.js";
import { submitAll } from "./submit.js";

/** One connection follows 64 executions at most; those of other screens want some of them too. */
const MOST_OUTCOMES = 40;

/** What became of the deployments of this screen, the newest first, and what to do about what failed. */
export class Result {
    #title = element("h2", { id: "result", tabindex: "-1" }, "Result");
    #sum = element("p", { class: "sentence" });
    #problem = element("p", { class: "problem", role: "alert" });
    #list = element("div", { class: "outcomes" });
    #outcomes = [];
    #tell = onceAFrame(() => this.#draw());

    constructor(context) {
        this.context = context;
        this.again = button("Again on the failed ones", () => this.#again(), { hidden: true });
        this.node = element(
            "section",
            { class: "result", "aria-labelledby": "result", hidden: true },
            this.#title,
            element("div", { class: "head" }, this.#sum, this.again),
            this.#problem,
            this.#list,
        );
    }

    /** Shows these executions in place of what was shown. */
    show(executions) {
        this.close();
        this.#list.replaceChildren();
        executions.slice(0, MOST_OUTCOMES).forEach((execution) => this.add(execution));
        const more = executions.length - MOST_OUTCOMES;
        if (more > 0) this.#list.append(element("p", {}, element("a", { href: "#history" }, `${more} more in the history`)));
    }

    add(execution) {
        this.context.world.addExecutions([execution]);
        const outcome = new Outcome(this.context, execution, {
            added: (rollback) => this.#addFirst(rollback),
            changed: () => this.#tell(),
        });
        this.#outcomes.push(outcome);
        this.#list.append(outcome.node);
        this.node.hidden = false;
        this.#tell();
    }

    #addFirst(execution) {
        this.add(execution);
        const outcome = this.#outcomes.at(-1);
        this.#list.prepend(outcome.node);
        outcome.node.scrollIntoView({ block: "nearest" });
    }

    /** Follows again what a login has ended. */
    resume() {
        for (const outcome of this.#outcomes) outcome.follow();
    }

    focus() {
        this.#title.focus({ preventScroll: true });
        this.node.scrollIntoView({ block: "nearest" });
    }

    close() {
        for (const outcome of this.#outcomes) outcome.close();
        this.#outcomes = [];
    }

    #draw() {
        const runs = this.#outcomes.flatMap((outcome) => [...outcome.runs.values()]);
        const failed = this.#outcomes.reduce((sum, outcome) => sum + outcome.failed.length, 0);
        const going = runs.filter((run) => !run.terminal).length;
        const nodes = new Set(this.#outcomes.flatMap((outcome) => outcome.failed));
        const all = runs.length === 1 ? "The run has ended" : `All ${count(runs.length, "run")} ended`;
        const words = going > 0 ? `${count(runs.length - going, "run")} of ${runs.length} ended` : all;
        const failures = failed > 0 ? `, ${failed} failed: ${fold([...nodes])}` : going > 0 ? "" : ", none failed";
        if (runs.length > 0) this.#sum.textContent = `${words}${failures}.`;
        this.again.hidden = failed === 0 || this.isAsking;
        if (runs.length > 0 && going === 0) announce(this.#sum.textContent);
    }

    async #again() {
        this.isAsking = true;
        this.#problem.textContent = "";
        this.#tell();
        try {
            const failed = this.#outcomes.filter((outcome) => outcome.failed.length > 0);
            const requests = [];
            for (const outcome of failed) requests.push(await outcome.requestFor(outcome.failed));
            this.show(await submitAll(requests));
            this.focus();
        } catch (error) {
            if (!(error instanceof Refusal)) throw error;
            this.#problem.textContent = error.sentence;
        } finally {
            this.isAsking = false;
            this.#tell();
        }
    }
}
