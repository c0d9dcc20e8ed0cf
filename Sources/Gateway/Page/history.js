import { Refusal, get } from "./api.js";
import { button, element } from "./element.js";
import { count, countChips, moment, ownerWords, title } from "./format.js";

const PAGE = 50;

/** The History screen: every execution of the user, newest first, to be opened or run again. */
export function historyScreen(context) {
    const body = element("tbody");
    const problem = element("p", { class: "problem", role: "alert" });
    const nothing = element(
        "p",
        { class: "quiet", hidden: true },
        "Nothing has run yet. ",
        element("a", { href: "#deploy" }, "Deploy something."),
    );
    const search = element(
        "input",
        {
            class: "form-control",
            type: "search",
            placeholder: "Search in what is shown",
            "aria-label": "Search executions",
        },
    );
    /** By id, newest first: the execution as it is shown, and its row. */
    const shown = new Map();
    const filter = () => {
        const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
        for (const { row } of shown.values()) {
            const text = row.textContent.toLowerCase();
            row.hidden = !words.every((word) => text.includes(word));
        }
    };
    const show = (execution) => {
        const known = shown.get(execution.execution);
        if (known?.execution === execution) return;
        const row = historyRow(execution);
        if (known) known.row.replaceWith(row);
        else if (execution.created > (newest?.created ?? Infinity)) body.prepend(row);
        else body.append(row);
        if (!newest || execution.created > newest.created) newest = execution;
        shown.set(execution.execution, { execution, row });
    };
    /** What has changed since, or is newer than all: what is older comes with the list. */
    const update = () => {
        if (!newest) return;
        for (const execution of context.world.newest.reverse()) {
            if (shown.has(execution.execution) || execution.created > newest.created) show(execution);
        }
        filter();
    };
    const more = button("Show older ones", () => load(), { hidden: true });
    let oldest;
    let newest;
    const load = async () => {
        more.disabled = true;
        try {
            const { executions } = await get(`executions?limit=${PAGE}${oldest ? `&before=${oldest}` : ""}`);
            context.world.addExecutions(executions);
            for (const one of executions) show(context.world.executions.get(one.execution) ?? one);
            oldest = executions.at(-1)?.execution ?? oldest;
            more.hidden = executions.length < PAGE;
            nothing.hidden = shown.size > 0;
            filter();
        } catch (error) {
            if (!(error instanceof Refusal)) throw error;
            problem.textContent = error.sentence;
            more.hidden = false;
        } finally {
            more.disabled = false;
        }
    };
    search.addEventListener("input", filter);
    context.world.addEventListener("executions", update);
    load();
    const heads = ["What", "Nodes", "How it ended", "When", ""].map((head) => element("th", { scope: "col" }, head));
    const table = element("table", { class: "table history" }, element("thead", {}, element("tr", {}, heads)), body);
    return {
        node: element(
            "div",
            {},
            element("div", { class: "head" }, element("h1", {}, "History"), search),
            problem,
            table,
            nothing,
            more,
        ),
        close: () => context.world.removeEventListener("executions", update),
    };
}

function historyRow(execution) {
    const chips = countChips(execution).map(([words, tone]) => element(
        "span",
        { class: "chip", "data-tone": tone },
        words,
    ));
    const link = element("a", { class: "mono", href: `#output/${execution.execution}` }, title(execution));
    const files = (execution.files ?? []).map((file) => file.name).join(", ");
    return element(
        "tr",
        {},
        element(
            "th",
            { scope: "row" },
            link,
            files && execution.command ? element("span", { class: "quiet" }, ` ${files}`) : "",
            ownerWords(execution) ? element("div", { class: "quiet" }, ownerWords(execution)) : "",
        ),
        element("td", {}, count(execution.nodes, "node")),
        element("td", {}, element("span", { class: "chips" }, chips)),
        element("td", {}, moment(execution.created)),
        element(
            "td",
            {},
            element(
                "a",
                { href: `#deploy/${execution.execution}`, "aria-label": `Run again: ${title(execution)}` },
                "Run again",
            ),
        ),
    );
}
