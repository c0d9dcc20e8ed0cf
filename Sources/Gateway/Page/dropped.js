/** What was dropped or chosen, as files and as folders with all that is in them. */

export class FolderTooLarge extends Error {}

/** More entries than this are not gone through: a tab is no place for them. */
const MOST_ENTRIES = 50_000;

/**
 * The things of a drop: `[{ file }]` and `[{ name, entries() }]` for folders, whose entries are read when asked for. Has
 * to be called while the event lasts: after it the browser tells nothing more.
 */
export function droppedThings(transfer) {
    const items = [...transfer.items].filter((item) => item.kind === "file");
    return items.map((item) => {
        const entry = item.webkitGetAsEntry?.();
        if (entry?.isDirectory) return { name: entry.name, entries: () => readFolder(entry) };
        return { file: item.getAsFile() };
    }).filter((thing) => thing.entries || thing.file);
}

/** The folders among the files that a folder picker gives. */
export function chosenFolders(files) {
    const folders = new Map();
    for (const file of files) {
        const [name, ...rest] = file.webkitRelativePath.split("/");
        if (!folders.has(name)) folders.set(name, []);
        folders.get(name).push({ path: rest.join("/"), file });
    }
    return [...folders].map(([name, found]) => ({ name, entries: async () => withFolders(limited(found)) }));
}

/** Every entry beneath a folder, `{ path, file }` or `{ path, isFolder }`. */
async function readFolder(folder) {
    const found = [];
    const ahead = [{ entry: folder, path: "" }];
    while (ahead.length > 0) {
        const { entry, path } = ahead.pop();
        for (const child of await children(entry)) {
            const childPath = path ? `${path}/${child.name}` : child.name;
            if (child.isDirectory) {
                found.push({ path: childPath, isFolder: true });
                ahead.push({ entry: child, path: childPath });
            } else {
                found.push({ path: childPath, file: await fileOf(child) });
            }
        }
        limited(found);
    }
    return found;
}

/** A reader gives at most a hundred at a time, and nothing at the end. */
async function children(folder) {
    const reader = folder.createReader();
    const all = [];
    for (;;) {
        const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
        if (some.length === 0) return all;
        all.push(...some);
    }
}

function fileOf(entry) {
    return new Promise((resolve, reject) => entry.file(resolve, reject));
}

function limited(found) {
    if (found.length > MOST_ENTRIES) throw new FolderTooLarge();
    return found;
}

/** Adds the folders that the paths of files speak of. */
export function withFolders(found) {
    const folders = new Set();
    for (const { path } of found) {
        const parts = path.split("/").slice(0, -1);
        for (let depth = 1; depth <= parts.length; depth += 1) folders.add(parts.slice(0, depth).join("/"));
    }
    return [...found, ...[...folders].map((path) => ({ path, isFolder: true }))];
}
