import { Past } from "../../../Sources/Gateway/Page/past.js";
import { equal, test } from "./check.js";

function store(values = {}) {
    return { values, getItem: (key) => values[key] ?? null, setItem: (key, value) => (values[key] = value) };
}

function press(input, ...keys) {
    return keys.map((key) => {
        input.dispatchEvent(new KeyboardEvent("keydown", { key }));
        return input.value;
    });
}

test("the arrow keys bring back earlier commands, and what was begun", () => {
    const input = document.createElement("input");
    const past = new Past("ana", input, store());
    for (const line of ["one", "two", "one"]) past.add(line);
    input.value = "beg";
    equal(press(input, "ArrowUp", "ArrowUp", "ArrowUp", "ArrowDown", "ArrowDown"), ["one", "two", "two", "one", "beg"]);
});

test("each user has commands of their own, and spoilt ones are none", () => {
    const kept = store({ "estiba-commands-eve": "{", "estiba-commands-mia": "[1,\"ok\"]" });
    new Past("ana", document.createElement("input"), kept).add("mine");
    const inputs = ["bob", "eve", "mia", "ana"].map((user) => {
        const input = document.createElement("input");
        new Past(user, input, kept);
        return press(input, "ArrowUp")[0];
    });
    equal(inputs, ["", "", "ok", "mine"]);
});
