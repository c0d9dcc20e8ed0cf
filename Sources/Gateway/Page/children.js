/**
 * The children of an element by key. One is made anew only where what it shows has changed, so that what is focused,
 * selected or just being clicked stays while the rest of the list moves on.
 */
export class Children {
    #shown = new Map();

    /** `make(value)` gives the element for a value. */
    constructor(parent, make) {
        Object.assign(this, { parent, make });
    }

    /** Shows `[{ key, face, value }]` in this order; `face` is a text of all that `make` shows of the value. */
    show(items) {
        const next = new Map();
        for (const { key, face, value } of items) {
            const known = this.#shown.get(key);
            next.set(key, known?.face === face ? known : { face, node: this.#renew(known?.node, value) });
        }
        this.#shown = next;
        let at = this.parent.firstElementChild;
        for (const { node } of next.values()) {
            if (node === at) at = at.nextElementSibling;
            else this.parent.insertBefore(node, at);
        }
        while (at) {
            const following = at.nextElementSibling;
            at.remove();
            at = following;
        }
    }

    #renew(old, value) {
        const node = this.make(value);
        if (old?.parentNode !== this.parent) return node;
        const hadFocus = old.contains(document.activeElement);
        old.replaceWith(node);
        if (hadFocus) (node.matches("a, button") ? node : node.querySelector("a, button"))?.focus();
        return node;
    }
}
