import { Cancelled, Unreadable } from "./uploadends.js";

/**
 * The hashes of a file's chunks, by which the gateway knows what it has of the file already (docs/protocol.md §8), in
 * base64url. `told(doneBytes)` is called as it goes.
 */
export function chunkList(file, told, signal) {
    return new Promise((resolve, reject) => {
        if (signal?.aborted) return reject(new Cancelled());
        const worker = new Worker(new URL("./hashing.js", import.meta.url), { type: "module" });
        const end = (settle, value) => {
            worker.terminate();
            signal?.removeEventListener("abort", cancel);
            settle(value);
        };
        const cancel = () => end(reject, new Cancelled());
        signal?.addEventListener("abort", cancel);
        worker.onmessage = ({ data: { done, list, isUnreadable } }) => {
            if (list) end(resolve, base64url(list));
            else if (isUnreadable) end(reject, new Unreadable());
            else told(done);
        };
        worker.onerror = () => end(reject, new Unreadable());
        worker.postMessage({ file });
    });
}

function base64url(bytes) {
    let text = "";
    for (const byte of bytes) text += String.fromCharCode(byte);
    return btoa(text).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}
