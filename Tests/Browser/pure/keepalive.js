import { Keepalive } from "../../../Sources/Gateway/Page/keepalive.js";
import { equal, test } from "./check.js";

function made() {
    const page = Object.assign(new EventTarget(), { hidden: false });
    const world = { page, time: 0, asked: 0 };
    world.keepalive = new Keepalive(() => (world.asked += 1), page, () => world.time);
    world.at = (minutes) => {
        world.time = minutes * 60_000;
        world.keepalive.check();
        return world.asked;
    };
    return world;
}

test("a page that is looked at asks every four minutes", () => {
    const world = made();
    equal([1, 3.9, 4, 5, 7.9, 8].map(world.at), [0, 0, 1, 1, 1, 2]);
});

test("an answer that the gateway gave otherwise counts", () => {
    const world = made();
    world.at(3);
    world.keepalive.answered();
    equal([4, 6.9, 7].map(world.at), [0, 0, 1]);
});

test("a hidden page lets the session grow old, and asks when it is seen again", () => {
    const world = made();
    world.page.hidden = true;
    equal([4, 20].map(world.at), [0, 0]);
    world.page.hidden = false;
    world.page.dispatchEvent(new Event("visibilitychange"));
    equal(world.asked, 1);
});
