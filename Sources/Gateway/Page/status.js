import { element } from "./element.js";
import { concerns, Minutes } from "./figures.js";
import { count, moment } from "./format.js";
import { Panel } from "./panel.js";
import { Plan } from "./plan.js";
import { StopMine } from "./stopmine.js";

/** With no node chosen so many have a panel, those with something unusual first. */
const MOST_PANELS = 20;
/** The others only need a tone, now and then. */
const REST_MILLISECONDS = 3000;

/** The Status screen: every node a cell, by what is unusual; a panel for each that is chosen. Only while it can be seen. */
export function statusScreen(context) {
    const screen = new StatusScreen(context);
    return { node: screen.node, close: () => screen.close() };
}

class StatusScreen {
    #summary = element("p", { class: "quiet" });
    #list = element("ul", { class: "panels" });
    #panels = new Map();
    #newest = new Map();
    #ends = [];
    #watched;
    #abort = new AbortController();

    constructor(context) {
        this.context = context;
        this.world = context.world;
        this.minutes = (context.minutes ??= new Map());
        this.plan = new Plan("Nodes; choose some to see only these", () => this.#update());
        this.node = element("div", {}, element("h1", {}, "Status"), this.#summary, this.plan.node, this.#list);
        const { signal } = this.#abort;
        this.world.addEventListener("nodes", () => this.#update(), { signal });
        document.addEventListener("visibilitychange", () => this.#watch(), { signal });
        this.timer = setInterval(() => this.#show(), 1000);
        this.#update();
    }

    close() {
        this.#abort.abort();
        clearInterval(this.timer);
        for (const end of this.#ends) end();
        for (const panel of this.#panels.values()) panel.close();
    }

    /** The nodes with a panel: the chosen ones, else the first, those that are away before the others. */
    get #names() {
        const { names, nodes } = this.world;
        if (this.plan.chosen.size > 0) return names.filter((name) => this.plan.chosen.has(name));
        if (names.length <= MOST_PANELS) return names;
        const order = (name) => (nodes.get(name).present ? { bad: 1, wait: 2 }[this.#concern(name)?.tone] ?? 3 : 0);
        const kept = new Set(this.#panels.keys());
        return [...names].sort((one, other) => order(one) - order(other) || Number(kept.has(other)) - Number(kept.has(one))).slice(0, MOST_PANELS);
    }

    #concern(name) {
        const status = this.#newest.get(name)?.status;
        return status && concerns(status, Number(this.world.nodes.get(name)?.facts?.cores))[0];
    }

    #update() {
        const names = this.#names;
        for (const [name, panel] of this.#panels) {
            if (names.includes(name)) continue;
            panel.close();
            panel.node.remove();
            this.#panels.delete(name);
        }
        for (const name of names) {
            if (!this.#panels.has(name)) this.#panels.set(name, new Panel(name, new StopMine(this.context, () => [name]).node));
        }
        const wanted = names.map((name) => this.#panels.get(name).node);
        if (wanted.some((node, index) => this.#list.children[index] !== node)) this.#list.replaceChildren(...wanted);
        this.#watch();
        this.#show();
    }

    /** Looks at what is shown, and at nothing while the tab cannot be seen. */
    #watch() {
        const names = document.hidden ? [] : [...this.#panels.keys()];
        const hasOthers = names.length > 0 && this.world.nodes.size > names.length;
        const key = `${[...names].sort().join()} ${hasOthers && this.world.nodes.size}`;
        if (key === this.#watched) return;
        this.#watched = key;
        for (const end of this.#ends) end();
        const take = (status) => this.#take(status);
        const { live } = this.context;
        this.#ends = names.length > 0 ? [live.watchStatus({ nodes: names, milliseconds: 1000 }, take)] : [];
        if (hasOthers) this.#ends.push(live.watchStatus({ milliseconds: REST_MILLISECONDS, brief: true }, take));
    }

    #take(status) {
        if (!status || !this.world.nodes.has(status.node)) return;
        const panel = this.#panels.get(status.node);
        const isBrief = status.cores === undefined && status.busiest === undefined;
        // The same figures in brief would take the long ones away.
        if (panel && isBrief && this.#newest.get(status.node)?.status.cores) return;
        this.#newest.set(status.node, { status, arrived: Date.now() });
        this.#cell();
        if (!panel) return;
        const minutes = this.minutes.get(status.node) ?? new Minutes();
        this.minutes.set(status.node, minutes);
        minutes.add(point(status));
        panel.show(this.world.nodes.get(status.node), status, Date.now());
        panel.draw(minutes.points);
    }

    #show() {
        this.#cell();
        for (const [name, panel] of this.#panels) {
            const node = this.world.nodes.get(name);
            const { status, arrived } = this.#newest.get(name) ?? {};
            // One that has just been taken out of the registry: its panel goes with the next frame.
            if (node) panel.show(node, status, arrived);
        }
    }

    /** The plan and the line above it. */
    #cell() {
        const { names, nodes, present, isKnown } = this.world;
        let unusual = 0;
        this.plan.show(names.map((name) => {
            const node = nodes.get(name);
            if (!node.present) return { name, tone: "away", words: node.since ? `away since ${moment(node.since)}` : "never seen" };
            const concern = this.#concern(name);
            if (concern) unusual += 1;
            return { name, tone: concern?.tone ?? "ok", words: concern?.words ?? "present" };
        }));
        const more = names.length > this.#panels.size && this.plan.chosen.size === 0 ? ` · ${this.#panels.size} shown: choose others in the plan` : "";
        const words = `${present} of ${count(names.length, "node")} present · ${unusual === 0 ? "nothing unusual" : `${unusual} unusual`}${more}`;
        const text = isKnown ? words : "Looking for nodes…";
        if (this.#summary.textContent !== text) this.#summary.textContent = text;
    }
}

function point({ cpu, memory, network }) {
    return {
        x: Date.now(),
        cpu,
        memory: memory && 100 - (100 * memory.available) / memory.total,
        received: network?.receivedPerSecond,
        sent: network?.sentPerSecond,
    };
}
