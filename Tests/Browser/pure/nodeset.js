import { NodeSetError, byName, chosenNodes, expand, fold } from "../../../Sources/Gateway/Page/nodeset.js";
import { equal, test, throws } from "./check.js";

const known = ["db1", "node1", "node2", "node3", "node10", "web01", "web02"];

test("node sets choose from the known nodes, in their order", () => {
    for (const [text, expected] of [
        ["node[1-2]", ["node1", "node2"]],
        ["node3,node1,node1,", ["node1", "node3"]],
        ["node1 db1", ["db1", "node1"]],
        ["*!node[1-3]", ["db1", "node10", "web01", "web02"]],
        ["web*", ["web01", "web02"]],
        ["web[01-02]", ["web01", "web02"]],
        ["node[1-3]&node[2,3]", ["node2", "node3"]],
        ["node[1-2]^node[2-3]", ["node1", "node3"]],
        ["", []],
        [" , ", []],
    ]) {
        equal(chosenNodes(text, known), expected);
    }
});

test("what is not there or not a node set is said", () => {
    for (const text of ["node9", "node[1-", "node]1[", "node[2-1]", "node[x]", "node[1-999999999]", "@rack3", "z*"]) {
        throws(() => chosenNodes(text, known), NodeSetError);
    }
});

test("brackets multiply and keep their zeros and steps", () => {
    equal(expand("r[1-2]n[08-10]"), ["r1n08", "r1n09", "r1n10", "r2n08", "r2n09", "r2n10"]);
    equal(expand("n[1-7/3]"), ["n1", "n4", "n7"]);
});

test("names fold to a node set that unfolds to them", () => {
    equal(fold(["node1", "node2", "node3", "node10", "db"]), "node[1-3,10],db");
    equal(fold(["web08", "web09", "web10"]), "web[08-09],web10");
    equal(fold(["one"]), "one");
    equal(fold([]), "");
    equal(chosenNodes(fold(known), known), known);
});

test("node2 comes before node10", () => {
    equal(["node10", "node2"].sort(byName), ["node2", "node10"]);
});
