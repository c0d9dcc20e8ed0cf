import { deed, grouped, problemOf, requestsOf } from "../../../Sources/Gateway/Page/requests.js";
import { equal, test } from "./check.js";

const thing = (name, more = {}) => ({ file: { name, ...more.file }, run: more.run ?? "", service: more.service });
const shop = thing("shop.war", { file: { profile: "tomcat" } });

test("what will be done is one sentence", () => {
    for (const [things, line, expected] of [
        [[], "", ""],
        [[], "uptime", "Run uptime"],
        [[thing("a.sh")], "", "Place a.sh"],
        [[thing("a.sh")], "./a.sh", "Place a.sh, then run ./a.sh"],
        [[thing("a"), thing("b")], "x", "Place a, b, then run x"],
        [[thing("a"), thing("b"), thing("c"), thing("d")], "", "Place 4 files"],
        [[thing("a.sh", { run: "./a.sh" })], "", "Place a.sh and run ./a.sh"],
        [[thing("a", { run: "1" }), thing("b", { run: "2" })], "", "Place a, b, each with its own command"],
        [[thing("a", { run: "1" }), thing("b")], "x", "Place a and run 1; place b, then run x"],
        [[shop], "", "Hand shop.war to tomcat"],
        [[shop, thing("b")], "", "Hand shop.war to tomcat; place b"],
        [[], "y".repeat(80), `Run ${"y".repeat(60)}…`],
    ]) {
        equal(deed(things, line), expected);
    }
});

test("a file with its own command is an execution of its own, and the others are one", () => {
    const things = [thing("a", { run: "./a" }), thing("b"), thing("c")];
    const requests = requestsOf({ things, line: "after", shell: false, nodes: ["n"] });
    equal(requests, [
        { nodes: ["n"], kind: "deploy", files: [{ name: "a" }], command: { line: "./a" } },
        { nodes: ["n"], kind: "deploy", files: [{ name: "b" }, { name: "c" }], command: { line: "after" } },
    ]);
});

test("a profile or a service among several files goes alone; by itself it takes the common command", () => {
    equal(grouped([shop, thing("b")]).alone, [shop]);
    equal(grouped([shop]).together, [shop]);
    const named = thing("a", { service: { name: "web" } });
    equal(requestsOf({ things: [named], line: "./a", shell: true, nodes: ["n"] }), [
        { nodes: ["n"], kind: "deploy", files: [{ name: "a" }], command: { shell: "./a" }, service: { name: "web" } },
    ]);
});

test("the command of a folder runs in it", () => {
    const tree = (folder) => thing("agent", { run: "./go", file: { tree: true, folder } });
    const folderOf = (folder) => requestsOf({ things: [tree(folder)], line: "", shell: false, nodes: ["n"] })[0].folder;
    equal([folderOf("opt"), folderOf(""), folderOf("/srv")], ["opt/agent", "agent", "/srv/agent"]);
});

test("without files there is one run, and what is taken over stays", () => {
    const rest = { environment: { A: "1" } };
    equal(requestsOf({ things: [], line: "id", shell: false, nodes: ["n", "m"], rest }), [
        { environment: { A: "1" }, nodes: ["n", "m"], kind: "run", command: { line: "id" } },
    ]);
    equal(requestsOf({ things: [], line: "", shell: false, nodes: ["n"] }), []);
});

test("what makes no sense is said before it is sent", () => {
    equal(problemOf([thing("a")], ""), undefined);
    equal(problemOf([thing("a", { run: "x" })], "y").includes("nothing is left"), true);
    equal(problemOf([thing("a", { service: { name: "web" } })], "").includes("web"), true);
    equal(problemOf([thing("a", { service: { name: "web" } })], "./a"), undefined);
    const many = Array.from({ length: 101 }, () => thing("a", { run: "x" }));
    equal(problemOf(many, "").includes("At most 100"), true);
    equal(problemOf(many.slice(1), ""), undefined);
});
