import { Children } from "./children.js";
import { element } from "./element.js";
import { count, moment } from "./format.js";
import { Plan } from "./plan.js";

/** More cards than this are read by nobody: the plan chooses which. */
const MOST_CARDS = 200;

/** The Status screen: every node, those that are away first, with what each said of itself. */
export function statusScreen(context) {
    const summary = element("p", { class: "quiet" });
    const cards = element("ul", { class: "cards" });
    const cardList = new Children(cards, card);
    const plan = new Plan("Nodes; choose some to see only these", () => update());
    const update = () => {
        const nodes = context.world.names.map((name) => context.world.nodes.get(name));
        plan.show(nodes.map((node) => ({
            name: node.name,
            tone: node.present ? "ok" : "away",
            words: node.present ? "present" : `away since ${moment(node.since)}`,
        })));
        const shown = nodes.filter((node) => plan.chosen.size === 0 || plan.chosen.has(node.name));
        shown.sort((one, other) => Number(one.present) - Number(other.present));
        cardList.show(shown.slice(0, MOST_CARDS).map((node) => ({
            key: node.name,
            face: JSON.stringify(node),
            value: node,
        })));
        const present = `${context.world.present} of ${count(nodes.length, "node")} present`;
        summary.textContent = context.world.isKnown ? present : "Looking for nodes…";
    };
    context.world.addEventListener("nodes", update);
    update();
    return {
        node: element("div", {}, element("h1", {}, "Status"), summary, plan.node, cards),
        close: () => context.world.removeEventListener("nodes", update),
    };
}

/** What a node said of itself; what belongs together in one line, sizes as people say them. */
function facts({ os, "os-version": version, "memory-mib": memory, ...rest }) {
    return [
        ["os", [os, version].filter(Boolean).join(" ")],
        ["memory", memory && `${(Number(memory) / 1024).toFixed(1)} GiB`],
        ...Object.entries(rest),
    ];
}

function card(node) {
    const pairs = [
        ...facts(node.facts ?? {}),
        ...Object.entries(node.labels ?? {}).map(([name, value]) => [`label ${name}`, value]),
        ["addresses", (node.addresses ?? []).join(" ")],
        ["estiba", node.program],
    ].filter(([, value]) => value);
    const words = node.since ? `${node.present ? "present" : "away"} since ${moment(node.since)}` : "never seen";
    return element(
        "li",
        { class: node.present ? "card-node" : "card-node away" },
        element(
            "div",
            { class: "head" },
            element("b", { class: "mono" }, node.name),
            element("span", { class: "state", "data-tone": node.present ? "ok" : "quiet" }, words),
        ),
        node.present ? "" : element("p", { class: "quiet" }, "Its runs are kept; orders wait for it."),
        element("dl", {}, pairs.map(([name, value]) => [element("dt", {}, name), element("dd", {}, value)])),
    );
}
