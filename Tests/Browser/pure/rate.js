import { Rate, progressWords } from "../../../Sources/Gateway/Page/rate.js";
import { equal, test } from "./check.js";

test("the rate is that of the last seconds", () => {
    const rate = new Rate();
    equal(rate.perSecond, undefined);
    rate.add(0, 0);
    rate.add(500, 1_000_000);
    equal(rate.perSecond, undefined);
    rate.add(1000, 2_000_000);
    equal(rate.perSecond, 2_000_000);
    for (let second = 2; second <= 20; second += 1) rate.add(second * 1000, 2_000_000 + second * 100);
    equal(rate.perSecond, 100);
});

test("what was lost and is sent again is not counted twice", () => {
    const rate = new Rate();
    rate.add(0, 0);
    rate.add(2000, 8000);
    rate.add(3000, 4000);
    equal(rate.perSecond, undefined);
    rate.add(4000, 5000);
    equal(rate.perSecond, 1000);
});

test("progress is said with its rate and what remains of the time", () => {
    equal(progressWords(34_700_000, 48_200_000, 12_000_000), "71 % · 35 MB of 48 MB · 12 MB/s · 1.1 s left");
    equal(progressWords(0, 10), "0 % · 0 bytes of 10 bytes");
    equal(progressWords(10, 10, 5), "100 % · 10 bytes of 10 bytes");
    equal(progressWords(0, 0), "100 % · 0 bytes of 0 bytes");
});
