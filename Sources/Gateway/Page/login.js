import { Refusal, post } from "./api.js";
import { element, field } from "./element.js";

/** Takes the one-time code of a printed address out of the address: it must be in no history and no bookmark. */
export function takeCode() {
    const match = /^#code=(.+)$/.exec(location.hash);
    if (!match) return undefined;
    history.replaceState(null, "", location.pathname);
    return decodeURIComponent(match[1]);
}

export function exchange(code) {
    return post("login/code", { code });
}

/** The login form. `entered(user)` is called when the gateway has let the user in; `sentence` says why one is here. */
export function loginScreen(sentence, entered) {
    const name = element(
        "input",
        {
            class: "form-control",
            name: "user",
            autocomplete: "username",
            required: true,
            autocapitalize: "none",
            spellcheck: "false",
        },
    );
    const password = element(
        "input",
        { class: "form-control", name: "password", type: "password", autocomplete: "current-password", required: true },
    );
    const send = element("button", { type: "submit", class: "primary" }, "Log in");
    const problem = element("p", { class: "problem", role: "alert" }, sentence ?? "");
    const submit = async (event) => {
        event.preventDefault();
        send.disabled = true;
        problem.textContent = "";
        send.textContent = "Logging in…";
        try {
            entered(await post("login", { user: name.value, password: password.value }));
        } catch (error) {
            problem.textContent = refusalSentence(error);
            password.value = "";
            password.focus();
        } finally {
            send.disabled = false;
            send.textContent = "Log in";
        }
    };
    const form = element(
        "form",
        { class: "login", on: { submit } },
        element("h1", {}, element("span", { class: "brand" }, "estiba")),
        element("p", { class: "quiet" }, "Log in with your account on the nodes."),
        problem,
        field("Name", name),
        field("Password", password),
        send,
    );
    return { node: form, focus: () => name.focus() };
}

function refusalSentence(error) {
    if (!(error instanceof Refusal)) throw error;
    if (error.status === 401) return "That name and password do not fit, or the account may not log in.";
    return error.sentence;
}
