import { Refusal, get } from "./api.js";
import { CommandForm } from "./commandform.js";
import { element } from "./element.js";
import { FileList } from "./files.js";
import { count, duration } from "./format.js";
import { fold } from "./nodeset.js";
import { NodePicker } from "./picker.js";
import { profilesOf } from "./profiles.js";
import { deed, problemOf, requestsOf } from "./requests.js";
import { Result } from "./result.js";
import { submitAll } from "./submit.js";
import { SIGNED_OUT } from "./upload.js";
import { UploadBar } from "./uploadbar.js";
import { Cancelled, Unreadable } from "./uploadends.js";

/** How long the gateway offers an order to a node that is away, unless told otherwise. */
const USUAL_WAIT_MILLISECONDS = 600_000;

let kept;

/**
 * The Deploy screen. `#deploy/ID` begins with what execution ID was given; without it the screen is as it was left,
 * and an upload goes on meanwhile.
 */
export function deployScreen(context, again) {
    if (again || kept?.user !== context.user) {
        if (!kept?.isSending || kept.user !== context.user) kept?.end();
        kept = new Deploy(context);
        if (again) kept.fill(again);
    }
    kept.enter();
    return kept;
}

class Deploy {
    #sentence = element("p", { class: "sentence" });
    #aside = element("p", { class: "quiet" });
    #problem = element("p", { class: "problem", role: "alert" });
    isSending = false;
    /** What an earlier request had beyond what this screen shows. */
    #rest = {};

    constructor(context) {
        this.context = context;
        this.user = context.user;
        const changed = () => this.#tell();
        this.files = new FileList(context.user, changed);
        this.picker = new NodePicker(context.world, changed);
        this.command = new CommandForm(changed);
        this.result = new Result(context);
        this.send = element("button", { type: "submit", class: "primary" }, "Deploy");
        this.bar = new UploadBar();
        this.node = element(
            "form",
            { class: "two deploy", "aria-label": "Deploy", novalidate: true, on: { submit: (event) => this.#submit(event) } },
            element("h1", { class: "visually-hidden" }, "Deploy"),
            element("div", {}, this.files.node, this.command.node),
            element(
                "div",
                {},
                this.picker.node,
                element("div", { class: "go" }, element("div", { class: "grow" }, this.#sentence, this.#aside), this.send),
                this.bar.node,
                this.#problem,
                this.result.node,
            ),
        );
        this.update = () => {
            this.picker.update();
            this.files.offer(profilesOf(context.world.nodes.values()));
            changed();
        };
        // What is left of an upload goes on when its user is back: it must not go on as another one.
        this.stop = () => this.bar.stop(SIGNED_OUT);
        context.world.addEventListener("forgotten", this.stop);
    }

    /** The screen is shown (again). */
    enter() {
        this.context.world.addEventListener("nodes", this.update);
        this.result.resume();
        this.update();
    }

    /** The screen is left; what is being sent goes on. */
    close() {
        this.context.world.removeEventListener("nodes", this.update);
    }

    /** The screen will not be shown again. */
    end() {
        this.close();
        this.context.world.removeEventListener("forgotten", this.stop);
        this.bar.stop();
        this.result.close();
        this.files.clear();
    }

    async fill(id) {
        try {
            const execution = await get(`executions/${encodeURIComponent(id)}`);
            const { request = {}, runs = [], command } = execution;
            this.picker.choose(request.nodes ?? runs.map((run) => run.node));
            this.command.fill(request, command);
            const { folder, environment, waitMilliseconds, graceMilliseconds, lossless, leave } = request;
            this.#rest = { folder, environment, waitMilliseconds, graceMilliseconds, lossless, leave };
            const files = request.files ?? [];
            const sizes = execution.files ?? [];
            files.forEach((file, at) => this.files.addKnown({
                ...file,
                size: file.restore ? undefined : sizes[at]?.size,
                service: at === 0 ? request.service : undefined,
            }));
            if (files.some((file) => file.keepPrevious)) this.result.show([execution]);
        } catch (error) {
            this.#refuse(error);
        }
        this.#tell();
    }

    get #things() {
        return this.files.cards.map((card) => card.thing);
    }

    get #requests() {
        const rest = { ...this.#rest, ...this.command.limits };
        const { line, shell } = this.command;
        return requestsOf({ things: this.#things, line, shell, nodes: this.picker.names, rest });
    }

    /** Says what will happen, or what is still missing. */
    #tell() {
        const nodes = this.picker.names;
        const what = deed(this.#things, this.command.line);
        const problem = problemOf(this.#things, this.command.line);
        this.send.disabled = this.isSending || !what || nodes.length === 0 || Boolean(problem);
        this.send.textContent = this.files.cards.length > 0 ? "Deploy" : "Run";
        if (!what) this.#sentence.textContent = "Nothing to do yet: add a file or a command.";
        else if (problem) this.#sentence.textContent = problem;
        else if (nodes.length === 0) this.#sentence.textContent = "Choose the nodes.";
        else this.#sentence.textContent = `${what} on ${count(nodes.length, "node")} as ${this.user}.`;
        this.#aside.textContent = [...this.#restNotes, ...this.#nodeNotes(nodes)].join(" ");
    }

    #nodeNotes(nodes) {
        const notes = [];
        const { away } = this.picker;
        const wait = duration(this.#rest.waitMilliseconds ?? USUAL_WAIT_MILLISECONDS);
        if (away.length > 0) notes.push(`${fold(away)} ${away.length === 1 ? "is" : "are"} away: the order waits ${wait}.`);
        return [...notes, ...new Set(this.files.cards.map((card) => card.options.missing(nodes)).filter(Boolean))];
    }

    /** What is taken over unseen, in words. */
    get #restNotes() {
        const { folder, environment = {} } = this.#rest;
        const names = Object.keys(environment);
        const notes = [];
        if (folder) notes.push(`It runs in ${folder}.`);
        if (names.length > 0) notes.push(`${names.join(", ")} set as before.`);
        return notes;
    }

    async #submit(event) {
        event.preventDefault();
        this.#tell();
        this.#problem.textContent = this.files.cards.map((card) => card.problem).find(Boolean) ?? "";
        if (this.send.disabled || this.#problem.textContent) return;
        const hasFiles = this.files.cards.length > 0;
        this.#hold(true);
        try {
            await this.bar.send(this.files.cards, (card) => this.context.world.hasDeployed(card.name));
            const executions = await submitAll(this.#requests);
            this.picker.remember();
            if (hasFiles) this.#show(executions);
            else this.#goToOutput(executions[0]);
        } catch (error) {
            this.#refuse(error);
        } finally {
            this.#hold(false);
        }
    }

    #show(executions) {
        this.result.show(executions);
        if (this.node.isConnected) this.result.focus();
    }

    /** A command's result is its output. */
    #goToOutput(execution) {
        this.context.world.addExecutions([execution]);
        if (this.node.isConnected) this.context.go(`#output/${execution.execution}`);
    }

    /** What is being sent stays as it is meanwhile. */
    #hold(isSending) {
        this.isSending = isSending;
        for (const part of [this.files.node, this.command.node, this.picker.node]) part.inert = isSending;
        this.#tell();
    }

    #refuse(error) {
        this.#problem.textContent = this.#words(error);
        if (error.code === "unknown_blob") this.files.cards.forEach((card) => card.forget());
    }

    #words(error) {
        if (this.bar.wasSignedOut) return "You were logged out. Deploy again, and the upload goes on where it was.";
        if (error instanceof Cancelled) return "Cancelled. Nothing was deployed.";
        if (error instanceof Unreadable) return "A file could not be read: it has changed or gone. Choose it again.";
        if (!(error instanceof Refusal)) throw error;
        return error.sentence + (error.nodes?.length > 0 ? ` (${fold(error.nodes)})` : "");
    }
}
