/**
 * Node sets in ClusterShell's words: `node[1-3,7],web*!web2`. Operators from left to right: `,` and blanks add, `!`
 * takes away, `&` keeps what is in both, `^` what is in one of the two. `*` and `?` stand for any characters.
 */

const MOST_NAMES = 100_000;

export class NodeSetError extends Error {}

/** The names of `known` that `text` chooses, in `known`'s order. Throws NodeSetError with a sentence for people. */
export function chosenNodes(text, known) {
    let chosen = new Set();
    for (const { operator, pattern } of terms(text)) {
        const found = matches(pattern, known);
        if (operator === ",") found.forEach((name) => chosen.add(name));
        else if (operator === "!") found.forEach((name) => chosen.delete(name));
        else if (operator === "&") chosen = new Set([...chosen].filter((name) => found.has(name)));
        else chosen = new Set([...chosen, ...found].filter((name) => chosen.has(name) !== found.has(name)));
    }
    return known.filter((name) => chosen.has(name));
}

function terms(text) {
    const parts = [];
    let operator = ",";
    for (const [token] of text.matchAll(/(?:\[[^\]]*\]?|[^\s,!&^[\]]|\])+|[,!&^]/g)) {
        if (/^[,!&^]$/.test(token)) operator = token;
        else {
            parts.push({ operator, pattern: token });
            operator = ",";
        }
    }
    return parts;
}

function matches(pattern, known) {
    if (pattern.startsWith("@")) throw new NodeSetError("Groups (@name) are not known here yet.");
    const found = new Set();
    for (const name of expand(pattern)) {
        const glob = /[*?]/.test(name) ? globExpression(name) : undefined;
        const hits = glob ? known.filter((node) => glob.test(node)) : known.filter((node) => node === name);
        if (hits.length === 0) throw new NodeSetError(`There is no node called ${name}.`);
        hits.forEach((node) => found.add(node));
    }
    return found;
}

function globExpression(name) {
    const escaped = name.replace(/[.+^${}()|\\]/g, "\\$&").replaceAll("*", ".*").replaceAll("?", ".");
    return new RegExp(`^${escaped}$`);
}

/** `a[1-3]b[1,2]` in all its names. */
export function expand(pattern) {
    const open = pattern.indexOf("[");
    if (open < 0) {
        if (pattern.includes("]")) throw new NodeSetError("A ] has no [ before it.");
        return [pattern];
    }
    const close = pattern.indexOf("]", open);
    if (close < 0) throw new NodeSetError("A [ has no ] after it.");
    const tails = expand(pattern.slice(close + 1));
    const numbers = pattern.slice(open + 1, close).split(",").flatMap(range);
    if (numbers.length * tails.length > MOST_NAMES) throw new NodeSetError(
        "That is more nodes than can be named at once.",
    );
    return numbers.flatMap((number) => tails.map((tail) => pattern.slice(0, open) + number + tail));
}

function range(text) {
    const match = /^\s*(\d+)(?:-(\d+)(?:\/(\d+))?)?\s*$/.exec(text);
    if (!match) throw new NodeSetError(`“${text}” is not a number or a range such as 1-3.`);
    const [first, last, step] = [Number(match[1]), Number(match[2] ?? match[1]), Number(match[3] ?? 1)];
    if (last < first || step < 1) throw new NodeSetError(`“${text}” runs backwards.`);
    if ((last - first) / step > MOST_NAMES) throw new NodeSetError("That is more nodes than can be named at once.");
    const width = match[1].startsWith("0") ? match[1].length : 0;
    const numbers = [];
    for (let number = first; number <= last; number += step) numbers.push(String(number).padStart(width, "0"));
    return numbers;
}

/** Names folded to a node set: `node1 node2 node3 web7` as `node[1-3],web7`. */
export function fold(names) {
    const groups = new Map();
    for (const name of names) {
        const match = /^(.*?)(\d{1,15})(\D*)$/.exec(name);
        const padded = match && match[2].length > 1 && match[2].startsWith("0");
        const key = match ? JSON.stringify([match[1], match[3], padded ? match[2].length : 0]) : JSON.stringify([name]);
        if (!groups.has(key)) groups.set(key, []);
        if (match) groups.get(key).push(Number(match[2]));
    }
    return [...groups].map(([key, numbers]) => foldGroup(JSON.parse(key), numbers)).join(",");
}

function foldGroup([head, tail, width], numbers) {
    if (numbers.length === 0) return head;
    const text = (number) => String(number).padStart(width, "0");
    if (numbers.length === 1) return head + text(numbers[0]) + tail;
    const ranges = [];
    for (const number of [...numbers].sort((a, b) => a - b)) {
        const last = ranges.at(-1);
        if (last && number === last[1] + 1) last[1] = number;
        else ranges.push([number, number]);
    }
    const inside = ranges.map(([first, last]) => (first === last ? text(first) : `${text(first)}-${text(last)}`));
    return `${head}[${inside.join(",")}]${tail}`;
}

const collator = new Intl.Collator("en", { numeric: true });

/** The order people expect: node2 before node10. */
export function byName(one, other) {
    return collator.compare(one, other);
}
