import { post } from "./api.js";

let last = { body: undefined, key: undefined };

/** Asks for an execution and returns it. */
export function submit(request) {
    return once("executions", request);
}

/** Asks for executions and returns them: several are one submission, all or none. */
export async function submitAll(requests) {
    const [first, second] = requests;
    return second ? (await once("submissions", { executions: requests })).executions : [await submit(first)];
}

/** Puts back what an execution kept, and returns the execution that does it. */
export function rollBack(id) {
    return once(`executions/${id}/rollback`, {});
}

/**
 * The same request sent again after no answer carries the same key, so that it is never done twice; an answer of any
 * kind ends the key.
 */
async function once(path, request) {
    const body = path + JSON.stringify(request);
    if (last.body !== body) last = { body, key: newKey() };
    try {
        const answer = await post(path, request, { "Idempotency-Key": last.key });
        last = {};
        return answer;
    } catch (error) {
        if (error.status !== 0) last = {};
        throw error;
    }
}

function newKey() {
    const bytes = crypto.getRandomValues(new Uint8Array(16));
    return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
