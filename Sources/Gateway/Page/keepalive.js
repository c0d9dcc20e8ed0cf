const PERIOD_MILLISECONDS = 4 * 60_000;

/**
 * Keeps the session alive while its page is looked at: asks the gateway now and then, whose answer brings a fresh
 * cookie. A page in the background lets the session grow old, and asks as soon as it is seen again.
 */
export class Keepalive {
    #asked;

    /** `ask()` is a request to the gateway; `page` tells of "visibilitychange" and has `hidden`; `now()` in ms. */
    constructor(ask, page = document, now = () => performance.now()) {
        Object.assign(this, { ask, page, now });
        this.#asked = now();
        page.addEventListener("visibilitychange", () => this.check());
    }

    /** Starts to count: the gateway has just answered. */
    answered() {
        this.#asked = this.now();
    }

    /** Asks where it is time; to be called every few seconds. */
    check() {
        if (this.page.hidden || this.now() - this.#asked < PERIOD_MILLISECONDS) return;
        this.answered();
        this.ask();
    }
}
