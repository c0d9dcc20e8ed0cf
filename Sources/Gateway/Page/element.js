/**
 * Builds an element. Children that are strings become text nodes, so no output, name or reason is ever read as markup.
 *
 * `attributes`: `on` holds event listeners by name; `true` sets an empty attribute, `false` and absent values leave it
 * out.
 */
export function element(tag, attributes = {}, ...children) {
    const node = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
        if (name === "on") {
            for (const [event, listener] of Object.entries(value)) node.addEventListener(event, listener);
        } else if (name === "value") {
            node.value = value;
        } else if (value === true) {
            node.setAttribute(name, "");
        } else if (value !== false && value !== undefined && value !== null) {
            node.setAttribute(name, String(value));
        }
    }
    node.append(...children.flat(2).filter((child) => child !== undefined && child !== null && child !== false));
    return node;
}

export function button(label, click, attributes = {}) {
    return element("button", { type: "button", ...attributes, on: { click } }, label);
}

/** A label above its control, bound to it by `for`. */
export function field(label, control, hint) {
    control.id ||= `field-${nextField++}`;
    const parts = [element("label", { for: control.id }, label), control];
    if (hint) {
        const note = element("p", { class: "hint", id: `${control.id}-hint` }, hint);
        control.setAttribute("aria-describedby", note.id);
        parts.push(note);
    }
    return element("div", { class: "field" }, parts);
}

/** A tick box with its words beside it. */
export function tick(label, checked, change = () => {}) {
    const box = element(
        "input",
        { type: "checkbox", class: "form-check-input", checked, on: { change: () => change(box.checked) } },
    );
    return { box, node: element("label", { class: "tick" }, box, label) };
}

/** Says something to screen readers without moving the focus. */
export function announce(sentence) {
    const place = document.getElementById("announcer");
    if (place && place.textContent !== sentence) place.textContent = sentence;
}

let nextField = 1;
