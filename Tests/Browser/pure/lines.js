import { LONGEST_LINE, STDERR, STDOUT, Selection, Transcript } from "../../../Sources/Gateway/Page/lines.js";
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

function texts(result) {
    return Array.from({ length: result.count }, (_, index) => result.text(index));
}

test("lines are split at newlines only, whatever the records", () => {
    equal(texts(transcript([0, 1, "o"], [0, 1, "ne\ntw"], [0, 1, "o\n\nlast"])), ["one", "two", "", "last"]);
});

test("streams and runs never share a line", () => {
    const result = transcript([0, 1, "ou"], [0, 2, "er"], [1, 1, "other\n"], [0, 1, "t\n"], [0, 2, "r\n"]);
    equal(texts(result), ["out", "err", "other"]);
    equal(
        [0, 1, 2].map((index) => [result.runOf(index), result.streamOf(index)]),
        [[0, STDOUT], [0, STDERR], [1, STDOUT]],
    );
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

test("a line without an end is shown in pieces, cut between characters, and loses nothing", () => {
    const text = "€".repeat(10_000);
    const result = transcript([0, 1, text.slice(0, 4000)], [0, 1, text.slice(4000)], [0, 1, "\nnext\n"]);
    const pieces = texts(result);
    equal(pieces.at(-1), "next");
    equal(pieces.slice(0, -1).join(""), text);
    equal(pieces.slice(0, -1).every((_, index) => result.bytes(index).length <= LONGEST_LINE), true);
    equal([result.isContinued(0), result.isContinued(1), result.isContinued(result.count - 1)], [false, true, false]);
});

test("bytes across many blocks stay in order", () => {
    const line = "0123456789abcdef".repeat(4);
    const lines = Array.from({ length: 3000 }, (_, number) => `${number} ${line}`);
    const result = transcript(...lines.map((text) => [0, 1, `${text}\n`]));
    equal(texts(result), lines);
    equal(new TextDecoder().decode(result.streamBytes(0, 1)), `${lines.join("\n")}\n`);
});

test("a gap ends the open line and is a line of its own", () => {
    const result = transcript([0, 1, "half"]);
    append(result, [...entry(0, 1000, [], 2, 5000), ...entry(0, 5000, record(1, "rest\n"))]);
    equal(texts(result).map((text) => text.slice(0, 19)), ["half", "Output is missing h", "rest"]);
});

test("the end of a stream ends its open line", () => {
    const result = transcript([0, 1, "no newline"]);
    append(result, entry(0, 0, record(0, [1], 1)));
    equal(texts(result), ["no newline"]);
});

test("a selection grows with its transcript", () => {
    const result = transcript([0, 1, "a\n"], [1, 1, "b\n"], [0, 2, "c\n"]);
    const selection = new Selection(result, (run) => run === 0);
    equal(selection.count, 2);
    append(result, entry(0, 0, record(1, "d\n")));
    equal(selection.count, 3);
    equal([0, 1, 2].map((position) => result.text(selection.index(position))), ["a", "c", "d"]);
});

test("a line shown in pieces is counted as the one it is", () => {
    const result = transcript([0, 1, `${"x".repeat(2 * LONGEST_LINE + 1)}\n`], [1, 1, "b\n"]);
    equal([new Selection(result).count, new Selection(result).lines], [4, 2]);
    const selection = new Selection(result, (run) => run === 0);
    equal([selection.lines, selection.count], [1, 3]);
});
