import { Children } from "../../../Sources/Gateway/Page/children.js";
import { equal, test } from "./check.js";

const items = (...faces) => faces.map((face) => ({ key: face[0], face, value: face }));

function made() {
    const parent = document.createElement("ul");
    document.body.append(parent);
    const make = (value) => Object.assign(document.createElement("button"), { textContent: value });
    const children = new Children(parent, make);
    const texts = () => [...parent.children].map((child) => child.textContent);
    return { parent, texts, show: (...faces) => (children.show(items(...faces)), texts()) };
}

test("children come, go, change and are put in order", () => {
    const { show } = made();
    for (const faces of [["a1", "b1", "c1"], ["c1", "a1", "b2"], ["d1", "b2"], [], ["x1", "b1"]]) equal(show(...faces), faces);
});

test("a child that shows the same is the same", () => {
    const { parent, show } = made();
    show("a1", "b1");
    const [a, b] = parent.children;
    show("a1", "b2", "c1");
    equal([parent.children[0] === a, parent.children[1] === b], [true, false]);
});

test("the focus stays with its key", () => {
    const { parent, show } = made();
    show("a1", "b1");
    parent.children[1].focus();
    show("a2", "b2");
    equal(document.activeElement.textContent, "b2");
});
