import { button, element } from "./element.js";
import { Rate, progressWords } from "./rate.js";
import { SIGNED_OUT, inLanes } from "./upload.js";

const UPLOADS_AT_ONCE = 3;

/** Sends the files of several cards and shows how far they are together, with a way to call it off. */
export class UploadBar {
    #progress = element("progress", { max: "1", value: 0, "aria-label": "Upload" });
    #note = element("p", { class: "note" });
    #rate;
    #abort;

    constructor() {
        this.node = element(
            "div",
            { class: "sending", hidden: true },
            element("div", { class: "grow" }, this.#progress, this.#note),
            button("Cancel", () => this.#abort?.abort(), { class: "danger" }),
        );
        this.warn = (event) => event.preventDefault();
    }

    /** Whether the user went while it sent: what the gateway has of it is kept. */
    wasSignedOut = false;

    /**
     * Returns when all are at the gateway; throws what an upload throws (uploadends.js). `isFamiliar(card)` says of which the
     * gateway may have most already.
     */
    async send(cards, isFamiliar) {
        const ahead = cards.filter((card) => !card.isSent);
        this.#abort = new AbortController();
        this.#rate = new Rate();
        this.wasSignedOut = false;
        const total = ahead.reduce((sum, card) => sum + card.size, 0);
        const moved = () => this.#show(ahead.reduce((sum, card) => sum + card.sent, 0), total);
        for (const card of ahead) card.moved = moved;
        this.#show(0, total);
        this.node.hidden = ahead.length === 0;
        addEventListener("beforeunload", this.warn);
        try {
            const { signal } = this.#abort;
            await inLanes(UPLOADS_AT_ONCE, ahead, (card) => card.send(signal, isFamiliar(card)));
        } finally {
            this.wasSignedOut = this.#abort.signal.reason === SIGNED_OUT;
            this.#abort = undefined;
            this.node.hidden = true;
            removeEventListener("beforeunload", this.warn);
        }
    }

    stop(reason) {
        this.#abort?.abort(reason);
    }

    #show(sent, total) {
        this.#rate.add(performance.now(), sent);
        this.#progress.value = total > 0 ? sent / total : 1;
        this.#note.textContent = `Uploading: ${progressWords(sent, total, this.#rate.perSecond)}`;
    }
}
