import { byName } from "./nodeset.js";
import { onceAFrame } from "./pacing.js";

const REMEMBERED = 200;
const STEPS = ["waiting", "delivered", "fetching", "placed", "running"];

/**
 * What is known of nodes and the user's executions, kept true by the live connection. Says "nodes", "executions" and,
 * when the user goes, "forgotten".
 */
export class World extends EventTarget {
    nodes = new Map();
    /** By id; without runs. */
    executions = new Map();
    isKnown = false;
    #names;
    #tellNodes = onceAFrame(() => this.dispatchEvent(new Event("nodes")));
    #tellExecutions = onceAFrame(() => this.dispatchEvent(new Event("executions")));

    constructor(live) {
        super();
        live.addEventListener("nodes", ({ detail }) => this.#setNodes(detail.nodes));
        live.addEventListener("node", ({ detail }) => this.#setNode(detail.node));
        live.addEventListener("execution", ({ detail }) => this.#setExecution(detail.execution));
    }

    /** The names of all nodes, node2 before node10. */
    get names() {
        return (this.#names ??= [...this.nodes.keys()].sort(byName));
    }

    get present() {
        return [...this.nodes.values()].filter((node) => node.present).length;
    }

    /** Executions, newest first. */
    get newest() {
        return [...this.executions.values()].sort((one, other) => other.created - one.created);
    }

    /** Runs that no node has taken yet. */
    get waiting() {
        return [...this.executions.values()].reduce((sum, { counts }) => sum + (counts?.waiting ?? 0), 0);
    }

    /** Whether a file of this name is among what the user deployed lately. */
    hasDeployed(name) {
        return [...this.executions.values()].some(({ files = [] }) => files.some((file) => file.name === name));
    }

    /** Takes in executions; an answer that was overtaken by newer word of the same execution changes nothing. */
    addExecutions(list) {
        for (const execution of list) {
            const known = this.executions.get(execution.execution);
            if (!known || progress(execution) >= progress(known)) this.executions.set(execution.execution, execution);
        }
        for (const old of this.newest.slice(REMEMBERED)) this.executions.delete(old.execution);
        this.#tellExecutions();
    }

    #setExecution(execution) {
        const isNew = !this.executions.has(execution.execution) && !this.newest.some((one) => one.created > execution.created);
        this.addExecutions([execution]);
        if (isNew) this.dispatchEvent(new CustomEvent("new", { detail: execution }));
    }

    forget() {
        this.nodes.clear();
        this.#names = undefined;
        this.executions.clear();
        this.isKnown = false;
        this.dispatchEvent(new Event("forgotten"));
    }

    #setNodes(list) {
        this.nodes = new Map(list.map((node) => [node.name, node]));
        this.#names = undefined;
        this.isKnown = true;
        this.#tellNodes();
    }

    #setNode(node) {
        if (!this.nodes.has(node.name)) this.#names = undefined;
        this.nodes.set(node.name, node);
        this.#tellNodes();
    }
}

/** How far an execution has come: runs only go forward. */
function progress(execution) {
    let sum = execution.complete ? 1 : 0;
    for (const [state, number] of Object.entries(execution.counts ?? {})) {
        sum += number * (STEPS.includes(state) ? STEPS.indexOf(state) : STEPS.length);
    }
    return sum;
}
