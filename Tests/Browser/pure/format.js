import { countChips, duration, octal, ownerWords, size, stateWords, title, tone } from "../../../Sources/Gateway/Page/format.js";
import { equal, test } from "./check.js";

test("states are words, with what there is to say", () => {
    equal(stateWords({ state: "exited", code: 3 }), "exited 3");
    equal(stateWords({ state: "fetching", percent: 40 }), "fetching 40 %");
    equal(stateWords({ state: "signalled", signal: 9 }), "ended by SIGKILL");
    equal(stateWords({ state: "signalled", signal: 34 }), "ended by signal 34");
    equal(stateWords({ state: "timed-out" }), "timed out");
    equal([{ state: "running", awaySince: 1 }, { state: "stopped", terminal: true, awaySince: 1 }].map(tone), ["away", "quiet"]);
    equal(tone({ state: "exited", code: 0 }), "ok");
    equal(tone({ state: "exited", code: 1 }), "bad");
    equal([tone({ state: "placed", terminal: false }), tone({ state: "placed", terminal: true })], ["run", "ok"]);
});

test("counts put what went wrong first and call nothing good that is not known to be", () => {
    equal(countChips({ counts: { exited: 50, running: 8 }, failed: 9 }), [["9 failed", "bad"], ["41 exited 0", "ok"], ["8 running", "run"]]);
    equal(countChips({ counts: { exited: 3, refused: 2 }, failed: 3 }), [["3 failed", "bad"], ["2 exited 0", "ok"]]);
    equal(countChips({ counts: { exited: 3, refused: 2 } }), [["3 exited", "quiet"], ["2 refused", "bad"]]);
    equal(countChips({}), []);
});

test("sizes, times and modes as people write them", () => {
    equal([0, 1, 999, 1000, 48_200_000, 999_960].map(size), ["0 bytes", "1 byte", "999 bytes", "1.0 kB", "48 MB", "1.0 MB"]);
    equal([400, 41_000, 134_000, 7_260_000].map(duration), ["0.4 s", "41 s", "2 min 14 s", "2 h 1 min"]);
    equal([0o644, 0o7, 0o755].map(octal), ["0644", "0007", "0755"]);
    equal(title({ execution: "X", files: [{ name: "a" }, { name: "b" }] }), "place a, b");
});

test("durations carry into the next unit", () => {
    equal([9.94, 9.96, 59.6, 60, 119.7, 3599.9, 3660, 7322].map((seconds) => duration(seconds * 1000)),
        ["9.9 s", "10 s", "1 min", "1 min", "2 min", "1 h", "1 h 1 min", "2 h 2 min"]);
});

test("an owner that is away is said, and nothing of one that is there or has told all", () => {
    equal(ownerWords(undefined), "");
    equal(ownerWords({ owner: "g1" }), "");
    equal(ownerWords({ owner: "g1", ownerAwaySince: 1, complete: true }), "");
    equal(/^The gateway g1 is away since .*; its runs go on/.test(ownerWords({ owner: "g1", ownerAwaySince: 1 })), true);
});
