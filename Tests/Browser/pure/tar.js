import { tarParts } from "../../../Sources/Gateway/Page/tar.js";
import { equal, test } from "./check.js";

const decoder = new TextDecoder();

/** A file's content, for which its bytes do. */
function file(path, bytes, more = {}) {
    return { path, content: bytes, size: bytes.length, mode: 0o644, modified: 1_700_000_000_500, ...more };
}

function bytesOf({ parts, size }) {
    const bytes = new Uint8Array(size);
    let at = 0;
    for (const part of parts) {
        bytes.set(part, at);
        at += part.length;
    }
    equal(at, size);
    return bytes;
}

/** Reads an archive as POSIX says it is to be read. */
function read(bytes) {
    const entries = [];
    let pax = {};
    for (let at = 0; at < bytes.length; ) {
        const header = bytes.subarray(at, at + 512);
        if (header.every((byte) => byte === 0)) break;
        const text = (from, length) => decoder.decode(header.subarray(from, from + length)).split("\0")[0];
        const octal = (from, length) => parseInt(text(from, length), 8);
        equal(text(257, 6), "ustar");
        const sum = header.reduce((all, byte, index) => all + (index >= 148 && index < 156 ? 32 : byte), 0);
        equal(octal(148, 8), sum);
        const size = Number(pax.size ?? octal(124, 12));
        const start = at + 512;
        if (text(156, 1) === "x") {
            pax = records(bytes.subarray(start, start + size));
        } else {
            const path = pax.path ?? text(0, 100);
            entries.push({ path, type: text(156, 1), mode: octal(100, 8), modified: octal(136, 12), start, size });
            pax = {};
        }
        at = start + Math.ceil(size / 512) * 512;
    }
    return entries;
}

function records(bytes) {
    const found = {};
    for (let at = 0; at < bytes.length; ) {
        const space = bytes.indexOf(0x20, at);
        const length = Number(decoder.decode(bytes.subarray(at, space)));
        equal(bytes[at + length - 1], 0x0a);
        const [key, ...value] = decoder.decode(bytes.subarray(space + 1, at + length - 1)).split("=");
        found[key] = value.join("=");
        at += length;
    }
    return found;
}

test("a folder's files and folders stand in the archive in order, with modes and times", () => {
    const archive = bytesOf(tarParts([
        file("b.txt", new Uint8Array([1, 2, 3])),
        { path: "a", isFolder: true, mode: 0o755, modified: 0, size: 0 },
        file("a/run", new Uint8Array(512).fill(7), { mode: 0o755 }),
        file("empty", new Uint8Array(0)),
    ]));
    equal(archive.length % 512, 0);
    const entries = read(archive);
    equal(entries.map(({ path, type, mode }) => [path, type, mode]), [
        ["a/", "5", 0o755],
        ["a/run", "0", 0o755],
        ["b.txt", "0", 0o644],
        ["empty", "0", 0o644],
    ]);
    equal(entries[1].modified, 1_700_000_000);
    equal([...archive.subarray(entries[2].start, entries[2].start + 3)], [1, 2, 3]);
    equal(archive.subarray(-1024).every((byte) => byte === 0), true);
});

test("an empty folder is an archive of nothing", () => {
    equal(read(bytesOf(tarParts([]))), []);
    equal(tarParts([]).size, 1024);
});

test("long names and names beyond ASCII come back whole", () => {
    const names = ["é.txt", "x".repeat(101), `${"y".repeat(99)}/${"z".repeat(99)}`, "line\nbreak", "ü".repeat(127), "n".repeat(994)];
    const archive = bytesOf(tarParts(names.map((name) => file(name, new Uint8Array([9])))));
    equal(read(archive).map(({ path }) => path), [...names].sort());
});

test("a file of a MiB and more begins at a whole MiB, whatever stands before it", () => {
    const large = new Uint8Array(1 << 20).fill(5);
    for (const before of [[], ["a"], ["a", "b"], ["a".repeat(200)], Array.from({ length: 2047 }, (_, at) => `a${at}`)]) {
        for (const name of ["large", "groß", "l".repeat(300)]) {
            const small = before.map((other) => file(other, new Uint8Array(0)));
            const entries = read(bytesOf(tarParts([...small, file(name, large)])));
            const found = entries.find(({ path }) => path === name);
            equal([found.start % (1 << 20), found.size], [0, 1 << 20]);
            equal(entries.length, before.length + 1);
        }
    }
});

test("no pax header is larger than 1 MiB, wherever it stands", () => {
    const large = new Uint8Array(1 << 20);
    for (const blocks of [0, 1, 2, 3, 4, 5, 2040, 2041, 2042, 2043, 2044, 2045, 2046, 2047]) {
        const before = file("a", new Uint8Array(blocks * 512));
        for (const name of ["b", "b".repeat(300), `b${"/c".repeat(400)}`]) {
            for (const part of tarParts([before, file(name, large)]).parts) equal(part.length <= 1 << 20, true);
        }
    }
});

test("the same folder gives the same bytes, in whatever order it was read", () => {
    const entries = ["c", "a/b", "a"].map((name) => file(name, new Uint8Array([1])));
    equal([...bytesOf(tarParts(entries))].join(), [...bytesOf(tarParts(entries.reverse()))].join());
});

test("a file that is too large for ustar has its size in a pax record", () => {
    const size = 9 * 2 ** 30;
    const content = { length: size };
    const { parts, size: total } = tarParts([file("huge", content)]);
    const head = parts.slice(0, parts.indexOf(content));
    const start = head.reduce((sum, part) => sum + part.length, 0);
    equal(start % (1 << 20), 0);
    equal(records(head[1]).size, String(size));
    equal(total, start + size + 1024);
});
