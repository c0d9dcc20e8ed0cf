import { differences } from "../../../Sources/Gateway/Page/fold.js";
import { ranges } from "../../../Sources/Gateway/Page/outputview.js";
import { mark, rowElement } from "../../../Sources/Gateway/Page/row.js";
import { STDERR, STDOUT } from "../../../Sources/Gateway/Page/lines.js";
import { equal, test } from "./check.js";

const OPTIONS = { label: (run) => `node${run}`, raw: (run, stream) => `raw/${run}/${stream}` };

test("what is found is marked, across colours and in any case", () => {
    const pieces = [{ text: "an Er", classes: "ink-red" }, { text: "ror error", classes: "" }];
    equal(mark(pieces, "error", false), [
        { text: "an ", classes: "ink-red" },
        { text: "Er", classes: "ink-red hit" },
        { text: "ror", classes: "hit" },
        { text: " ", classes: "" },
        { text: "error", classes: "hit" },
    ]);
    equal(mark(pieces, "error", true).filter((piece) => piece.classes.includes("hit")).map((piece) => piece.text), ["error"]);
    equal(mark([{ text: "ok", classes: "" }], "nothing", false), [{ text: "ok", classes: "" }]);
});

test("runs are named by ranges", () => {
    equal([ranges([7, 0, 2, 1]), ranges([5]), ranges([])], ["0-2,7", "5", ""]);
});

test("a row says stderr in a word, a cut line where the rest is, and a missing row that it comes", () => {
    const row = rowElement({ run: 1, stream: STDERR, time: 0, isCut: true, text: "<b>\u001b[31mx" }, 4, OPTIONS);
    equal(row.querySelector(".text").textContent, "<b>x");
    equal(row.querySelector("b"), null);
    equal(row.querySelector(".stream").textContent, "err (stderr): ");
    equal(row.querySelector("a").getAttribute("href"), "raw/1/2");
    equal(rowElement(undefined, 4, OPTIONS).textContent, "…");
});

test("times are shown when they are asked for", () => {
    const row = { run: 1, stream: STDOUT, time: new Date(2026, 0, 2, 3, 4, 5, 6).getTime(), text: "x" };
    equal(rowElement(row, 0, { ...OPTIONS, hasTimes: true }).querySelector(".time").textContent, "03:04:05.006");
    equal(rowElement(row, 0, OPTIONS).querySelector(".time"), null);
});

test("what differs from what most have written is told apart, each line as often as it is there", () => {
    const rows = (...texts) => texts.map((text) => ({ run: 0, stream: STDOUT, text }));
    const { only, missing } = differences(rows("a", "x", "a", "c"), rows("a", "b", "c", "d"));
    equal([[...only], missing], [[1, 2], ["b", "d"]]);
});
