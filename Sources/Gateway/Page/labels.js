import { byName } from "./nodeset.js";

/** The labels that tell nodes apart: `[{ label: "rack=3", names }]`, by label; one that all nodes have says nothing. */
export function labelsOf(nodes) {
    const all = [...nodes];
    const found = new Map();
    for (const node of all) {
        for (const [key, value] of Object.entries(node.labels ?? {})) {
            const label = `${key}=${value}`;
            if (!found.has(label)) found.set(label, []);
            found.get(label).push(node.name);
        }
    }
    return [...found]
        .filter(([, names]) => names.length < all.length)
        .map(([label, names]) => ({ label, names }))
        .sort((one, other) => byName(one.label, other.label));
}

/** Whether a node's name, address, labels or facts hold every one of these words. */
export function isFound(node, words) {
    const pairs = [...Object.entries(node.labels ?? {}), ...Object.entries(node.facts ?? {})];
    const text = [node.name, ...(node.addresses ?? []), ...pairs.map(([key, value]) => `${key}=${value}`)].join(" ").toLowerCase();
    return words.every((word) => text.includes(word));
}
