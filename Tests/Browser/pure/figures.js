import { Minutes, concerns, level, memoryParts, offsetWords, rate, share, span } from "../../../Sources/Gateway/Page/figures.js";
import { equal, test } from "./check.js";

const GIB = 1024 ** 3;

test("cores turn yellow at 75 % and red at 90 %", () => {
    equal([0, 74.9, 75, 89.9, 90, 100].map(level), ["ok", "ok", "wait", "wait", "bad", "bad"]);
});

test("memory's parts make up the whole, whatever a node says", () => {
    equal(memoryParts({ total: 100, free: 30, buffers: 5, cached: 25 }), { used: 40, cache: 30, free: 30 });
    equal(memoryParts({ total: 100, free: 90, buffers: 50, cached: 25 }), { used: 0, cache: 10, free: 90 });
    equal([share(1, 0), share(5, 10), share(50, 10), share(-3, 10)], [0, 50, 100, 0]);
});

test("figures in words", () => {
    equal([undefined, 0, 999, 1500, 25_400_000].map(rate), ["–", "0 B/s", "999 B/s", "1.5 kB/s", "25 MB/s"]);
    equal([59, 3700, 90_000].map(span), ["0 min", "1 h 1 min", "1 d 1 h"]);
    equal([0, 1999, 2500, -90_000].map(offsetWords), ["", "", "2.5 s ahead", "90.0 s behind"]);
});

test("what is unusual, the worst first; what is not known is not unusual", () => {
    equal(concerns({}, 4), []);
    const calm = { cpu: 20, memory: { total: GIB, available: GIB / 2, swapTotal: 0, swapFree: 0 }, load: [1, 1, 1], offset: 5, disks: [{ path: "/", total: 100, free: 50 }] };
    equal(concerns(calm, 4), []);
    const found = concerns({ ...calm, cpu: 80, temperature: 95, disks: [{ path: "/", total: 100, free: 6 }], load: [9, 9, 9], offset: -40_000 }, 4);
    equal(found.map(({ tone, words }) => `${tone} ${words}`), ["bad 95 °C", "bad clock 40.0 s behind", "wait CPU 80 %", "wait / 94 % full", "wait load 9.0"]);
    equal(concerns({ memory: { total: 100, available: 4, swapTotal: 10, swapFree: 4 } }).map(({ words }) => words), ["memory 96 % used", "swap 60 % used"]);
});

test("the last minutes keep no more than five, and nothing twice", () => {
    const minutes = new Minutes();
    for (let second = 1; second <= 400; second += 1) minutes.add({ x: second * 1000 });
    minutes.add({ x: 400_000 });
    equal([minutes.points.length, minutes.points[0].x, minutes.points.at(-1).x], [301, 100_000, 400_000]);
});
