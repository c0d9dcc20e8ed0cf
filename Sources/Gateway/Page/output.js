import { Children } from "./children.js";
import { element } from "./element.js";
import { countChips, moment, title } from "./format.js";
import { ExecutionPane } from "./execution.js";
import { NodeRuns } from "./noderuns.js";

const RECENT = 30;
/** With more nodes than this, those to choose from are searched. */
const SEARCHED = 12;

/**
 * The Output screen: recent executions beside the one that is open, `#output/ID` or the newest, with one node chosen by
 * `#output/ID/NODE`; or the nodes beside what has run on one, `#output/nodes` and `#output/nodes/NAME`.
 */
export function outputScreen(context, argument) {
    const further = location.hash.split("/")[2] ?? "";
    return argument === "nodes" ? byNode(context, further) : byExecution(context, argument, further);
}

function byExecution(context, id, node) {
    const list = element("ul", { class: "recent" });
    const entries = new Children(list, ({ execution, isOpen }) => executionEntry(execution, isOpen));
    const place = element("div", { class: "grow" });
    let pane;
    const open = (execution) => {
        pane = new ExecutionPane(context, execution, node || undefined);
        place.replaceChildren(pane.node);
        update();
    };
    const update = () => {
        const { newest } = context.world;
        if (!pane && !id && newest.length > 0) return open(newest[0].execution);
        entries.show(newest.slice(0, RECENT).map((execution) => {
            const isOpen = execution.execution === pane?.id;
            const face = JSON.stringify([isOpen, title(execution), countChips(execution), moment(execution.created)]);
            return { key: execution.execution, face, value: { execution, isOpen } };
        }));
        if (!pane) place.replaceChildren(...nothing());
    };
    context.world.addEventListener("executions", update);
    if (id) open(id);
    update();
    return {
        node: beside(false, "Recent executions", list, place),
        close() {
            context.world.removeEventListener("executions", update);
            pane?.close();
        },
    };
}

function byNode(context, name) {
    const { world } = context;
    const list = element("ul", { class: "recent" });
    const entries = new Children(list, ({ node, isOpen }) => nodeEntry(node, isOpen));
    const place = element("div", { class: "grow" });
    const search = element("input", {
        class: "form-control",
        type: "search",
        placeholder: "Search nodes",
        "aria-label": "Search nodes",
        on: { input: () => update() },
    });
    let pane;
    const update = () => {
        const open = name || world.names[0];
        if (!pane && open) {
            pane = new NodeRuns(context, open);
            place.replaceChildren(pane.node);
        }
        search.hidden = world.names.length <= SEARCHED;
        const words = search.hidden ? "" : search.value.trim().toLowerCase();
        const shown = world.names.filter((one) => one.toLowerCase().includes(words)).map((one) => world.nodes.get(one));
        entries.show(shown.map((node) => {
            const isOpen = node.name === open;
            return { key: node.name, face: `${isOpen} ${node.present}`, value: { node, isOpen } };
        }));
    };
    world.addEventListener("nodes", update);
    update();
    return {
        node: beside(true, "Nodes", [search, list], place),
        close() {
            world.removeEventListener("nodes", update);
            pane?.close();
        },
    };
}

/** The list at the side, with the two ways to group it, and what is open of it. */
function beside(isByNode, label, list, place) {
    const way = (word, href, isCurrent) => element("a", { href, "aria-current": isCurrent ? "true" : undefined }, word);
    const ways = element(
        "div",
        { class: "ways", role: "group", "aria-label": "Group by" },
        way("By execution", "#output", !isByNode),
        way("By node", "#output/nodes", isByNode),
    );
    return element("div", { class: "beside" }, element("aside", { "aria-label": label }, ways, list), place);
}

function nothing() {
    return [
        element("h1", {}, "Output"),
        element("p", { class: "quiet" }, "Nothing has run yet. ", element("a", { href: "#deploy" }, "Deploy something.")),
    ];
}

function executionEntry(execution, isOpen) {
    const chips = countChips(execution).map(([words, tone]) => element(
        "span",
        { class: "chip", "data-tone": tone },
        words,
    ));
    return element(
        "li",
        {},
        element(
            "a",
            { href: `#output/${execution.execution}`, "aria-current": isOpen ? "true" : undefined },
            element(
                "span",
                { class: "head" },
                element("b", { class: "mono" }, title(execution)),
                element("span", { class: "quiet" }, moment(execution.created)),
            ),
            element("span", { class: "chips" }, chips),
        ),
    );
}

function nodeEntry(node, isOpen) {
    return element(
        "li",
        {},
        element(
            "a",
            { href: `#output/nodes/${node.name}`, "aria-current": isOpen ? "true" : undefined },
            element(
                "span",
                { class: "head" },
                element("b", { class: "mono" }, node.name),
                element("span", { class: "state", "data-tone": node.present ? "ok" : "away" }, node.present ? "here" : "away"),
            ),
        ),
    );
}
