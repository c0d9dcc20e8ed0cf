import { address, refused, unreachable } from "./api.js";

/**
 * Sends a file's bytes to the gateway's store and returns `{ blob, size }`. `progress(sentBytes)` is called as they go.
 *
 * XMLHttpRequest, because fetch tells nothing of an upload's progress. Throws a Refusal.
 */
export function upload(file, progress) {
    return new Promise((resolve, reject) => {
        const request = new XMLHttpRequest();
        request.open("POST", address("blobs"));
        request.setRequestHeader("X-Estiba", "1");
        request.setRequestHeader("Content-Type", "application/octet-stream");
        request.upload.addEventListener("progress", (event) => progress(event.loaded));
        request.addEventListener("load", () => {
            if (request.status >= 200 && request.status < 300) resolve(JSON.parse(request.responseText));
            else reject(refused(request.status, request.responseText));
        });
        request.addEventListener("error", () => reject(unreachable()));
        request.addEventListener("abort", () => reject(unreachable()));
        request.send(file);
    });
}

/** The mode a file gets: 0755 for what can be started (ELF, #!), else 0644. */
export async function usualMode(file) {
    const head = new Uint8Array(await file.slice(0, 4).arrayBuffer());
    const isELF = head[0] === 0x7f && head[1] === 0x45 && head[2] === 0x4c && head[3] === 0x46;
    const isScript = head[0] === 0x23 && head[1] === 0x21;
    return isELF || isScript ? 0o755 : 0o644;
}
