/**
 * Tames a line for the eye: SGR colours become class names, every other escape sequence is left out, and characters
 * that a terminal or a browser would obey instead of show (controls, direction overrides) are made visible: as `^X` or `<U+XXXX>` in pieces of their own, of the class `unseen`.
 */

const COLOURS = ["black", "red", "green", "yellow", "blue", "magenta", "cyan", "white"];

// CSI (ECMA-48 5.4), then the strings OSC, DCS, SOS, PM, APC up to BEL or ST, then the short ones. A string without its
// end is not a sequence: its ESC is shown and the rest stays readable.
const CONTROL_SEQUENCE = /(?:\u001b\[|\u009b)([0-?]*)[ -/]*([@-~])/;
const STRING = /(?:\u001b[\]PX^_]|[\u009d\u0090\u0098\u009e\u009f])[^\u0007\u001b\u009c]*(?:\u0007|\u001b\\|\u009c)/;
const SHORT = /\u001b[ -/]*[0-OQ-WYZ\\`-~]/;
const SEQUENCE = new RegExp([CONTROL_SEQUENCE, STRING, SHORT].map((part) => part.source).join("|"), "g");

// C0 but tab, DEL, C1, and the characters that turn the direction of text or draw nothing.
const UNSEEN = /([\u0000-\u0008\u000a-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff])/;

/** The line in pieces `{ text, classes }`, in order; joined, their texts are the whole visible line. */
export function tame(line) {
    const text = line.endsWith("\r") ? line.slice(0, -1) : line;
    const pieces = [];
    const style = new Style();
    let from = 0;
    for (const match of text.matchAll(SEQUENCE)) {
        push(pieces, text.slice(from, match.index), style);
        if (match[2] === "m" && /^[0-9;:]*$/.test(match[1])) style.apply(match[1]);
        from = match.index + match[0].length;
    }
    push(pieces, text.slice(from), style);
    return pieces;
}

function push(pieces, text, style) {
    const { classes } = style;
    // Every second part is what the expression has caught.
    for (const [index, part] of text.split(UNSEEN).entries()) {
        if (index % 2 === 1) pieces.push({ text: visible(part), classes: `${classes} unseen`.trimStart() });
        else if (part) pieces.push({ text: part, classes });
    }
}

function visible(character) {
    const code = character.codePointAt(0);
    // Caret notation, as stty and cat -v have it; the control pictures of Unicode are in few fonts.
    if (code < 0x20 || code === 0x7f) return `^${String.fromCodePoint(code ^ 0x40)}`;
    return `<U+${code.toString(16).toUpperCase().padStart(4, "0")}>`;
}

/** What SGR (ECMA-48 8.3.117) has switched on. */
class Style {
    #on = new Set();
    #ink;
    #paper;

    get classes() {
        const names = [...this.#on];
        if (this.#ink) names.push(`ink-${this.#ink}`);
        if (this.#paper) names.push(`paper-${this.#paper}`);
        return names.join(" ");
    }

    apply(parameters) {
        const codes = parameters.split(/[;:]/).map(Number);
        while (codes.length > 0) this.#step(codes.shift(), codes);
    }

    #step(code, rest) {
        const switches = { 1: "bold", 2: "faint", 3: "italic", 4: "underlined", 7: "reversed", 9: "struck" };
        if (code === 0) [this.#on, this.#ink, this.#paper] = [new Set(), undefined, undefined];
        else if (switches[code]) this.#on.add(switches[code]);
        else if (code === 22) ["bold", "faint"].forEach((name) => this.#on.delete(name));
        else if (switches[code - 20]) this.#on.delete(switches[code - 20]);
        else if ((code >= 30 && code <= 37) || (code >= 90 && code <= 97)) this.#ink = COLOURS[code % 10];
        else if ((code >= 40 && code <= 47) || (code >= 100 && code <= 107)) this.#paper = COLOURS[code % 10];
        else if (code === 38) this.#ink = nearest(rest) ?? this.#ink;
        else if (code === 48) this.#paper = nearest(rest) ?? this.#paper;
        else if (code === 39) this.#ink = undefined;
        else if (code === 49) this.#paper = undefined;
    }
}

/** The nearest of the eight colours to `5;n` or `2;r;g;b`: the eight are chosen to be readable in light and dark. */
function nearest(rest) {
    const kind = rest.shift();
    if (kind === 2) return byChannels(rest.splice(0, 3));
    if (kind !== 5) return undefined;
    const index = rest.shift() ?? 0;
    if (index < 16) return COLOURS[index % 8];
    if (index > 231) return index > 243 ? "white" : "black";
    const cube = index - 16;
    return byChannels([Math.floor(cube / 36), Math.floor(cube / 6) % 6, cube % 6].map((level) => level * 51));
}

function byChannels([red = 0, green = 0, blue = 0]) {
    const limit = Math.max(red, green, blue, 96) * 0.6;
    return COLOURS[(red > limit ? 1 : 0) + (green > limit ? 2 : 0) + (blue > limit ? 4 : 0)];
}
