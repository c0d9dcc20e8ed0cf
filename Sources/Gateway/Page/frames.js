/**
 * The binary messages of the live connection (docs/protocol.md, "Frames", and §7 and §5 for what is in them):
 * a frame of log entries, an entry of records, a record of one stream's bytes. Decodes only.
 */

const FRAME_HEADER = 24;
const ENTRY_HEADER = 40;
const RECORD_HEADER = 20;

export const SLICE = 1;
export const GAP = 2;

export class FrameError extends Error {}

/**
 * Decodes one binary message. `next` is the offset to resume a whole execution with.
 *
 * Bytes are views of the message's own buffer: whoever keeps them copies them. Throws FrameError when the message is
 * of another kind or cut off.
 */
export function decodeFrame(buffer) {
    const view = new DataView(buffer);
    if (view.byteLength < FRAME_HEADER || view.getUint8(0) !== 1) throw new FrameError("not a frame of output");
    const offset = u64(view, 16);
    return {
        follow: view.getUint32(4, true),
        log: view.getBigUint64(8, true).toString(16).padStart(16, "0"),
        offset,
        next: offset + view.byteLength - FRAME_HEADER,
        entries: decodeEntries(view),
    };
}

function decodeEntries(view) {
    const entries = [];
    let at = FRAME_HEADER;
    while (at < view.byteLength) {
        if (at + ENTRY_HEADER > view.byteLength) throw new FrameError("an entry is cut off");
        const kind = view.getUint8(at);
        const length = view.getUint32(at + 24, true);
        const end = at + ENTRY_HEADER + length;
        if (end > view.byteLength) throw new FrameError("an entry is cut off");
        entries.push({
            kind,
            run: view.getUint32(at + 4, true),
            from: u64(view, at + 8),
            to: u64(view, at + 16),
            records: new Uint8Array(view.buffer, at + ENTRY_HEADER, length),
        });
        at = end;
    }
    return entries;
}

/** A slice's records: `stream` (0 control, 1 stdout, 2 stderr, 3 terminal), `flags`, `milliseconds`, `bytes`. */
export function* decodeRecords(slice) {
    const view = new DataView(slice.buffer, slice.byteOffset, slice.byteLength);
    let at = 0;
    while (at < slice.length) {
        if (at + RECORD_HEADER > slice.length) throw new FrameError("a record is cut off");
        const end = at + RECORD_HEADER + view.getUint32(at + 4, true);
        if (end > slice.length) throw new FrameError("a record is cut off");
        yield {
            stream: slice[at],
            flags: slice[at + 1],
            milliseconds: u64(view, at + 8) / 1e6,
            bytes: slice.subarray(at + RECORD_HEADER, end),
        };
        at = end;
    }
}

/** Offsets and positions stay below 2^53; a time in nanoseconds loses its last few hundred of them. */
function u64(view, at) {
    return view.getUint32(at + 4, true) * 0x1_0000_0000 + view.getUint32(at, true);
}
