/** Bytes as the gateway sends them, written from docs/protocol.md and not from the page's own code. */

export function record(stream, bytes, flags = 0) {
    const data = typeof bytes === "string" ? new TextEncoder().encode(bytes) : Uint8Array.from(bytes);
    const header = new DataView(new ArrayBuffer(20));
    header.setUint8(0, stream);
    header.setUint8(1, flags);
    header.setUint32(4, data.length, true);
    header.setBigUint64(8, 1_700_000_000_000_000_000n, true);
    return [...new Uint8Array(header.buffer), ...data];
}

export function entry(run, position, records, kind = 1, to = position + records.length) {
    const header = new DataView(new ArrayBuffer(40));
    header.setUint8(0, kind);
    header.setUint32(4, run, true);
    header.setBigUint64(8, BigInt(position), true);
    header.setBigUint64(16, BigInt(to), true);
    header.setUint32(24, records.length, true);
    return [...new Uint8Array(header.buffer), ...records];
}

export function frame(follow, log, offset, entries) {
    const header = new DataView(new ArrayBuffer(24));
    header.setUint8(0, 1);
    header.setUint32(4, follow, true);
    header.setBigUint64(8, log, true);
    header.setBigUint64(16, BigInt(offset), true);
    return Uint8Array.from([...new Uint8Array(header.buffer), ...entries]).buffer;
}
