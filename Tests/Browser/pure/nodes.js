import { isFound, labelsOf } from "../../../Sources/Gateway/Page/labels.js";
import { profilesOf, takes } from "../../../Sources/Gateway/Page/profiles.js";
import { equal, test } from "./check.js";

const tomcat = { name: "tomcat", says: "starts it", match: ["*.war"] };
const nodes = [
    { name: "node1", labels: { rack: "3", os: "debian" }, addresses: ["10.0.0.7"], profiles: [tomcat] },
    { name: "node2", labels: { rack: "4", os: "debian" }, facts: { kernel: "6.1" }, profiles: [tomcat] },
    { name: "node3", labels: { rack: "4", os: "debian" } },
];

test("labels that tell nodes apart choose them; one that all have is no choice", () => {
    equal(labelsOf(nodes), [
        { label: "rack=3", names: ["node1"] },
        { label: "rack=4", names: ["node2", "node3"] },
    ]);
    equal(labelsOf([{ name: "old" }]), []);
});

test("a search looks at names, addresses, labels and facts", () => {
    const found = (...words) => nodes.filter((node) => isFound(node, words)).map(({ name }) => name);
    equal(found("rack=4"), ["node2", "node3"]);
    equal(found("debian", "10.0"), ["node1"]);
    equal(found("kernel=6"), ["node2"]);
    equal(found("nothing"), []);
});

test("profiles are gathered from the nodes that offer them", () => {
    const [found, ...others] = profilesOf(nodes);
    equal([found.name, found.says, [...found.nodes], others.length], ["tomcat", "starts it", ["node1", "node2"], 0]);
});

test("a profile takes the names of its patterns", () => {
    for (const [match, name, expected] of [
        [["*.war"], "shop.war", true],
        [["*.war"], "SHOP.WAR", true],
        [["*.war"], "shop.war.txt", false],
        [["*.war"], "warehouse", false],
        [["a?.sh", "*.py"], "ab.sh", true],
        [["a?.sh", "*.py"], "x.py", true],
        [["(a+)+"], "aaaa", false],
        [[], "anything", false],
    ]) {
        equal(takes({ match }, name), expected);
    }
});
