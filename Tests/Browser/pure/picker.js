import { NodePicker } from "../../../Sources/Gateway/Page/picker.js";
import { World } from "../../../Sources/Gateway/Page/world.js";
import { equal, test } from "./check.js";

function picker(number) {
    const live = new EventTarget();
    const world = new World(live);
    const node = (_, at) => ({ name: `node${at + 1}`, present: at > 0, labels: { rack: String(at % 2) } });
    const detail = { nodes: Array.from({ length: number }, node) };
    live.dispatchEvent(new CustomEvent("nodes", { detail }));
    let changes = 0;
    const made = new NodePicker(world, () => (changes += 1));
    document.body.append(made.node);
    const find = (selector) => made.node.querySelector(selector);
    const type = (input, text) => {
        input.value = text;
        input.dispatchEvent(new Event("input"));
    };
    return { made, find, type, cells: () => [...made.node.querySelectorAll(".cell")].map((cell) => cell.dataset.node), changes: () => changes };
}

test("a label chooses its nodes and lets them go again", () => {
    const { made, find, changes } = picker(4);
    find(".labels button").click();
    equal(made.names, ["node1", "node3"]);
    equal(find("input").value, "node[1,3]");
    equal(find(".labels button").getAttribute("aria-pressed"), "true");
    find(".labels button").click();
    equal([made.names, changes()], [[], 2]);
    made.node.remove();
});

test("a search narrows the plan, and what it hides stays chosen", () => {
    const { made, find, type, cells } = picker(20);
    type(find("input"), "node[1-2]");
    type(find("input[type=search]"), "rack=1");
    equal(cells().length, 10);
    equal(made.names, ["node1", "node2"]);
    find(".cell[data-node=node4]").click();
    equal(made.names, ["node1", "node2", "node4"]);
    find(".search button").click();
    equal(made.names.length, 11);
    type(find("input[type=search]"), "");
    equal(cells().length, 20);
    made.node.remove();
});

test("nodes that are away are named, and a few nodes need no search", () => {
    const { made, find } = picker(3);
    made.choose(["node1", "node2"]);
    equal([made.names, made.away], [["node1", "node2"], ["node1"]]);
    equal(find(".search").hidden, true);
    made.node.remove();
});
