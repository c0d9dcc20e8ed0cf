import { FrameError, GAP, SLICE, decodeFrame, decodeRecords } from "../../../Sources/Gateway/Page/frames.js";
import { entry, frame, record } from "./build.js";
import { equal, test, throws } from "./check.js";

const two = [...entry(0, 0, record(1, "a\n")), ...entry(7, 2 ** 40, record(2, [0xff]))];

test("a frame gives its entries and the offset after them", () => {
    const decoded = decodeFrame(frame(3, 0xfedcba9876543210n, 64, two));
    equal([decoded.follow, decoded.log, decoded.offset, decoded.next], [3, "fedcba9876543210", 64, 64 + two.length]);
    equal(
        decoded.entries.map(({ kind, run, from, to }) => [kind, run, from, to]),
        [[SLICE, 0, 0, 22], [SLICE, 7, 2 ** 40, 2 ** 40 + 21]],
    );
    equal(
        [...decodeRecords(decoded.entries[1].records)].map(({ stream, bytes }) => [stream, [...bytes]]),
        [[2, [0xff]]],
    );
});

test("a gap is an entry without records", () => {
    const [gap] = decodeFrame(frame(1, 1n, 64, entry(2, 100, [], 2, 900))).entries;
    equal([gap.kind, gap.run, gap.from, gap.to, gap.records.length], [GAP, 2, 100, 900, 0]);
});

test("a frame cut off anywhere within an entry is refused", () => {
    const whole = frame(1, 1n, 64, two);
    const ends = new Set([24, 24 + 40 + 22, whole.byteLength]);
    for (let length = 0; length < whole.byteLength; length += 1) {
        if (!ends.has(length)) throws(() => decodeFrame(whole.slice(0, length)), FrameError);
    }
});

test("a record longer than its slice is refused", () => {
    const bytes = Uint8Array.from(record(1, "abc"));
    throws(() => [...decodeRecords(bytes.subarray(0, 22))], FrameError);
    throws(() => [...decodeRecords(bytes.subarray(0, 12))], FrameError);
});
