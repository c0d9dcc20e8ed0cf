/**
 * A folder as a tar archive (ustar, with pax records where ustar has no room: POSIX.1-2008, pax). The files themselves
 * are not read: the archive is a list of parts for a Blob, which the browser reads piece by piece as it sends them.
 *
 * The bytes depend only on what the folder holds: entries are sorted, and there is no owner in them. A file of 1 MiB and
 * more begins at a whole MiB, so that its chunks are the same ones whatever stands before it.
 */

const BLOCK = 512;
const CHUNK = 1 << 20;
const LARGEST_IN_USTAR = 8 ** 11 - 1;
/** The shortest comment record: `15 comment=xxx\n` is where one byte of it still can be chosen. */
const SHORTEST_COMMENT = 16;

const encoder = new TextEncoder();

/**
 * The parts of the archive of `[{ path, content, size, mode, modified, isFolder }]`: paths relative to the folder, with
 * `/` between; `content` a Blob; `modified` in Unix milliseconds.
 */
export function tarParts(entries) {
    const parts = [];
    let offset = 0;
    const put = (part, length) => {
        parts.push(part);
        offset += length;
    };
    const sorted = [...entries].sort((one, other) => (one.path < other.path ? -1 : one.path > other.path ? 1 : 0));
    for (const entry of sorted) {
        for (const block of headerBlocks(entry, offset)) put(block, block.length);
        if (entry.isFolder || entry.size === 0) continue;
        put(entry.content, entry.size);
        const rest = -entry.size & (BLOCK - 1);
        if (rest > 0) put(new Uint8Array(rest), rest);
    }
    put(new Uint8Array(2 * BLOCK), 2 * BLOCK);
    return { parts, size: offset };
}

/** The header of an entry, with a pax header before it where one is needed. */
function headerBlocks(entry, offset) {
    const path = entry.isFolder ? `${entry.path}/` : entry.path;
    const name = encoder.encode(path);
    const size = entry.isFolder ? 0 : entry.size;
    const records = [];
    if (name.length > 100 || name.length !== path.length) records.push(paxRecord("path", path));
    if (size > LARGEST_IN_USTAR) records.push(paxRecord("size", String(size)));
    let length = records.reduce((sum, record) => sum + record.length, 0);
    if (size >= CHUNK) {
        const filling = fillingFor(offset, length);
        if (filling > 0) records.push(paxComment(filling));
        length += filling;
    }
    const header = ustarHeader(name, { ...entry, size }, entry.isFolder ? "5" : "0");
    if (length === 0) return [header];
    const pax = new Uint8Array(padded(length));
    let at = 0;
    for (const record of records) {
        pax.set(record, at);
        at += record.length;
    }
    const paxHeader = ustarHeader(encoder.encode("pax"), { mode: 0o644, modified: entry.modified, size: length }, "x");
    return [paxHeader, pax, header];
}

/**
 * How many bytes of comment bring the content that follows to a whole chunk; 0 where it stands there already, and where
 * the pax header would be larger than its reader takes, which is a chunk.
 */
function fillingFor(offset, length) {
    const bare = length === 0 ? BLOCK : 2 * BLOCK + padded(length);
    if ((offset + bare) % CHUNK === 0) return 0;
    const least = offset + 2 * BLOCK + padded(length + SHORTEST_COMMENT);
    const start = Math.ceil(least / CHUNK) * CHUNK;
    const whole = start - offset - 2 * BLOCK;
    return whole > CHUNK ? 0 : whole - length;
}

function padded(length) {
    return Math.ceil(length / BLOCK) * BLOCK;
}

/** `LENGTH key=value\n`, where the length counts itself. */
function paxRecord(key, value) {
    const rest = encoder.encode(` ${key}=${value}\n`);
    let length = rest.length + 1;
    while (String(length).length + rest.length !== length) length = String(length).length + rest.length;
    const record = new Uint8Array(length);
    record.set(encoder.encode(String(length)));
    record.set(rest, length - rest.length);
    return record;
}

/** A comment record of exactly this length, which readers pass over. */
function paxComment(length) {
    const record = new Uint8Array(length).fill(0x20);
    record.set(encoder.encode(`${length} comment=`));
    record[length - 1] = 0x0a;
    return record;
}

function ustarHeader(name, { mode, modified, size }, type) {
    const header = new Uint8Array(BLOCK);
    const text = (at, string) => header.set(encoder.encode(string), at);
    const octal = (at, width, number) => text(at, `${number.toString(8).padStart(width - 1, "0")}\0`);
    header.set(name.subarray(0, 100), 0);
    octal(100, 8, mode & 0o777);
    octal(108, 8, 0);
    octal(116, 8, 0);
    octal(124, 12, Math.min(size, LARGEST_IN_USTAR));
    octal(136, 12, Math.min(Math.max(0, Math.floor((modified ?? 0) / 1000)), LARGEST_IN_USTAR));
    text(148, "        ");
    text(156, type);
    text(257, "ustar\0" + "00");
    text(148, `${header.reduce((sum, byte) => sum + byte, 0).toString(8).padStart(6, "0")}\0 `);
    return header;
}
