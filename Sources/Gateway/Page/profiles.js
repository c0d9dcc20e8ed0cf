import { byName } from "./nodeset.js";

/** The profiles that nodes offer: `[{ name, says, match, nodes }]` by name; `nodes` are the names of those that offer it. */
export function profilesOf(nodes) {
    const found = new Map();
    for (const node of nodes) {
        for (const { name, says, match } of node.profiles ?? []) {
            if (!found.has(name)) found.set(name, { name, says: says ?? "", match: match ?? [], nodes: new Set() });
            found.get(name).nodes.add(node.name);
        }
    }
    return [...found.values()].sort((one, other) => byName(one.name, other.name));
}

/** Whether a profile takes a file of this name: its shell patterns (`*`, `?`), whatever the case. */
export function takes(profile, name) {
    return profile.match.some((pattern) => expression(pattern).test(name));
}

function expression(pattern) {
    const escaped = pattern.replace(/[.+^${}()|[\]\\]/g, "\\$&").replace(/\*+/g, ".*").replaceAll("?", ".");
    return new RegExp(`^${escaped}$`, "is");
}
