import { LONGEST_LINE, STDERR, STDOUT, Selection, Transcript, rowText } from "../../../Sources/Gateway/Page/lines.js";
import { decodeFrame } from "../../../Sources/Gateway/Page/frames.js";
import { entry, frame, record } from "./build.js";
import { equal, test } from "./check.js";

/** A transcript of `[run, stream, bytes]`, a record each. */
function transcript(...parts) {
    const result = new Transcript();
    for (const [run, stream, bytes] of parts) append(result, entry(run, 0, record(stream, bytes)));
    return result;
}

function append(result, entries) {
    for (const one of decodeFrame(frame(1, 1n, 64, entries)).entries) result.append(one);
}

function rows(result, accepts) {
    const selection = new Selection(result, accepts);
    return Array.from({ length: selection.count }, (_, place) => selection.row(place));
}

function texts(result, accepts) {
    return rows(result, accepts).map(rowText);
}

test("lines are split at newlines only, whatever the records", () => {
    equal(texts(transcript([0, 1, "o"], [0, 1, "ne\ntw"], [0, 1, "o\n\nlast"])), ["one", "two", "", "last"]);
});

test("streams and runs never share a line", () => {
    const result = transcript([0, 1, "ou"], [0, 2, "er"], [1, 1, "other\n"], [0, 2, "r\n"], [0, 1, "t\n"]);
    equal(texts(result), ["other", "err", "out"]);
    equal(rows(result).map((row) => [row.run, row.stream]), [[1, STDOUT], [0, STDERR], [0, STDOUT]]);
});

test("bytes are kept as they came and shown as U+FFFD where they are not UTF-8", () => {
    const bytes = [0x61, 0xff, 0xc3, 0x0a, 0x00, 0xe2, 0x82, 0xac, 0x0a];
    const result = transcript([4, 1, bytes]);
    equal(texts(result), ["a\ufffd\ufffd", "\u0000€"]);
    equal([...result.streamBytes(4, 1)], bytes);
});

test("a character cut by a record is whole again", () => {
    equal(texts(transcript([0, 1, [0xe2, 0x82]], [0, 1, [0xac, 0x0a]])), ["€"]);
});

test("what has no newline yet comes last, by run and stream", () => {
    const result = transcript([1, 1, "b"], [0, 2, "a2"], [0, 1, "a1"], [1, 2, "whole\n"], [1, 1, "+"]);
    equal(texts(result), ["whole", "a1", "a2", "b+"]);
    equal(texts(result, (run) => run === 1), ["whole", "b+"]);
});

test("a long line is shown by its first bytes, cut between characters", () => {
    const text = "€".repeat(10_000);
    const result = transcript([0, 1, text.slice(0, 4000)], [0, 1, text.slice(4000)], [0, 1, "\nnext\n"]);
    equal(texts(result), ["€".repeat(Math.floor(LONGEST_LINE / 3)), "next"]);
    equal(rows(result).map((row) => row.isCut), [true, false]);
    equal(new TextDecoder().decode(result.streamBytes(0, 1)), `${text}\nnext\n`);
});

test("a line has the time of its first byte", () => {
    const result = transcript([0, 1, "x"], [0, 1, "y\nz"]);
    equal(rows(result).map((row) => row.time), [1_700_000_000_000, 1_700_000_000_000]);
});

test("bytes across many blocks stay in order", () => {
    const line = "0123456789abcdef".repeat(4);
    const lines = Array.from({ length: 3000 }, (_, number) => `${number} ${line}`);
    const result = transcript(...lines.map((text) => [0, 1, `${text}\n`]));
    equal(texts(result), lines);
    equal(new TextDecoder().decode(result.streamBytes(0, 1)), `${lines.join("\n")}\n`);
});

test("a gap is a line of its own and tells what it cut off", () => {
    const result = transcript([0, 1, "half"], [1, 1, "other"]);
    append(result, [...entry(0, 1000, [], 2, 5000), ...entry(0, 5000, record(1, "rest\n"))]);
    const [gap, ...after] = texts(result);
    equal(gap, "Output is missing here: 4,000 bytes were let go before they were copied. Cut off there: half");
    equal(after, ["rest", "other"]);
});

test("a selection grows with its transcript", () => {
    const result = transcript([0, 1, "a\n"], [1, 1, "b\n"], [0, 2, "c\n"]);
    const selection = new Selection(result, (run) => run === 0);
    equal(selection.count, 2);
    append(result, entry(0, 0, record(1, "d\n")));
    equal(selection.count, 3);
    equal([0, 1, 2].map((place) => rowText(selection.row(place))), ["a", "c", "d"]);
});
