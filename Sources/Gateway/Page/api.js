/** Requests to the gateway (docs/protocol.md §10). A refusal arrives as a Refusal with the gateway's own sentence. */

const BASE = "/api/v1/";

/** What the gateway would not do. `code` is stable; `sentence` is for people; `nodes` are the nodes it is about. */
export class Refusal extends Error {
    constructor(status, code, sentence, nodes = []) {
        super(sentence);
        Object.assign(this, { status, code, sentence, nodes });
    }
}

/** Says "signed-out" when the gateway does not know the session any more. */
export const session = new EventTarget();

export function get(path) {
    return request("GET", path);
}

export function post(path, body, headers = {}) {
    return request("POST", path, body ?? {}, headers);
}

export function remove(path) {
    return request("DELETE", path);
}

/** A query of these members; a blank is %20, since the gateway takes a plus as it is. */
export function query(members) {
    return String(new URLSearchParams(members)).replaceAll("+", "%20");
}

export function address(path) {
    return BASE + path;
}

async function request(method, path, body, headers = {}) {
    const options = { method, headers: { ...headers, "X-Estiba": "1" }, credentials: "same-origin", cache: "no-store" };
    if (body !== undefined) {
        options.headers["Content-Type"] = "application/json";
        options.body = JSON.stringify(body);
    }
    let response;
    try {
        response = await fetch(BASE + path, options);
    } catch {
        throw unreachable();
    }
    const text = await response.text();
    if (response.ok) return text ? JSON.parse(text) : {};
    throw refused(response.status, text, path);
}

/** The Refusal in an answer, whatever came back: also a proxy's page in place of the gateway's words. */
export function refused(status, text, path = "") {
    let error = {};
    try {
        error = JSON.parse(text).error ?? {};
    } catch {
        // Not the gateway's JSON: the status has to do.
    }
    const refusal = new Refusal(status, error.code ?? "internal", error.sentence ?? sentenceFor(status), error.nodes);
    if (status === 401 && !path.startsWith("login")) session.dispatchEvent(new Event("signed-out"));
    return refusal;
}

export function unreachable() {
    return new Refusal(0, "unreachable", "The gateway does not answer. Nothing was lost; try again in a moment.");
}

function sentenceFor(status) {
    if (status === 403) return "You may not do that.";
    if (status === 404) return "There is no such thing here.";
    if (status === 413) return "That is too large.";
    if (status === 429) return "Too many tries. Wait a few minutes and try again.";
    return `The gateway could not do that (HTTP ${status}). Its log says why.`;
}
