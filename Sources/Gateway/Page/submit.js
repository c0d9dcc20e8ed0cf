import { post } from "./api.js";

let last = { body: undefined, key: undefined };

/**
 * Asks for an execution and returns it. The same request sent again after no answer carries the same key, so that it is
 * never done twice; an answer of any kind ends the key.
 */
export async function submit(request) {
    const body = JSON.stringify(request);
    if (last.body !== body) last = { body, key: newKey() };
    try {
        const execution = await post("executions", request, { "Idempotency-Key": last.key });
        last = {};
        return execution;
    } catch (error) {
        if (error.status !== 0) last = {};
        throw error;
    }
}

function newKey() {
    const bytes = crypto.getRandomValues(new Uint8Array(16));
    return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
