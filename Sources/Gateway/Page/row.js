import { element } from "./element.js";
import { tame } from "./escapes.js";
import { clock } from "./format.js";
import { CONTROL, STDERR, rowText } from "./lines.js";

/**
 * A line of output as an element. `row` is nothing while it is on its way. Of `options` see `Viewer`.
 */
export function rowElement(row, place, options) {
    const node = element("div", { class: "line", "data-line": place + 1 });
    if (!row) {
        node.classList.add("coming");
        node.append(element("span", { class: "text" }, "…"));
        return node;
    }
    const isGap = row.stream === CONTROL;
    const name = options.label(row.run);
    node.classList.toggle("gap", isGap);
    node.classList.toggle("err", row.stream === STDERR);
    const isFound = options.search?.has(place) ?? false;
    node.classList.toggle("found", isFound);
    node.classList.toggle("current", options.current === place);
    node.append(element("span", { class: "name", title: name }, name));
    if (options.hasTimes) node.append(timeElement(row.time));
    if (!isGap) node.append(streamMark(row.stream));
    node.append(textElement(row, isFound ? options.search : undefined));
    if (row.isCut) node.append(restLink(row, options));
    return node;
}

function timeElement(time) {
    const title = time === undefined ? undefined : new Date(time).toISOString();
    return element("span", { class: "time", title }, time === undefined ? "" : clock(time));
}

/** What tells stderr apart without its colour: a word to see, and one to hear. */
function streamMark(stream) {
    if (stream !== STDERR) return element("span", { class: "stream" });
    const heard = element("span", { class: "visually-hidden" }, " (stderr): ");
    return element("span", { class: "stream", title: "stderr" }, "err", heard);
}

function textElement(row, search) {
    const text = element("span", { class: "text" });
    const pieces = row.gap ? [{ text: rowText(row), classes: "" }] : tame(rowText(row));
    // A regular expression is the gateway's to understand: its lines are marked as a whole.
    const marked = search && !search.isPattern ? mark(pieces, search.text, search.heedsCase) : pieces;
    for (const { text: part, classes } of marked) text.append(classes ? element("span", { class: classes }, part) : part);
    return text;
}

/** Of a line longer than what is shown: where the rest is. */
function restLink(row, { raw, label }) {
    const link = element("a", { href: raw(row.run, row.stream), download: "" }, "all of it");
    link.setAttribute("aria-label", `Download what ${label(row.run)} wrote`);
    return element("span", { class: "rest" }, "… cut here · ", link);
}

/** The pieces cut again where `sought` is, those of it of the class `hit`. */
export function mark(pieces, sought, heedsCase) {
    const whole = pieces.map((piece) => piece.text).join("");
    const [text, word] = heedsCase ? [whole, sought] : [lower(whole), lower(sought)];
    const result = [];
    let offset = 0;
    let hit = text.indexOf(word);
    for (const { text: part, classes } of pieces) {
        const end = offset + part.length;
        let from = offset;
        while (hit >= 0 && hit < end) {
            const to = Math.min(end, hit + word.length);
            if (hit > from) result.push({ text: whole.slice(from, hit), classes });
            const begin = Math.max(from, hit);
            if (to > begin) result.push({ text: whole.slice(begin, to), classes: `${classes} hit`.trimStart() });
            from = Math.max(from, to);
            if (hit + word.length > end) break;
            hit = text.indexOf(word, hit + word.length);
        }
        if (from < end) result.push({ text: whole.slice(from, end), classes });
        offset = end;
    }
    return result;
}

/** As the gateway compares: without regard to the case of ASCII letters, which keeps every length. */
function lower(text) {
    return text.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
}
