import { blake2b } from "./blake2b.js";

/** A worker: hashes a file chunk by chunk, so that the page stays quick. Told `{ file }`, says `{ done }` and at last `{ list }`. */

const CHUNK_BYTES = 1 << 20;

onmessage = async ({ data: { file } }) => {
    try {
        const list = new Uint8Array(Math.ceil(file.size / CHUNK_BYTES) * 32);
        for (let at = 0, hashed = 0; at < file.size; at += CHUNK_BYTES, hashed += 32) {
            const chunk = await file.slice(at, at + CHUNK_BYTES).arrayBuffer();
            list.set(blake2b(new Uint8Array(chunk)), hashed);
            postMessage({ done: Math.min(at + CHUNK_BYTES, file.size) });
        }
        postMessage({ list });
    } catch {
        postMessage({ isUnreadable: true });
    }
};
