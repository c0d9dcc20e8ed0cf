import { Refusal, get } from "./api.js";
import { button, element } from "./element.js";
import { count, countChips, moment, title } from "./format.js";

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
    const shown = [];
    const filter = () => {
        const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
        for (const { row, text } of shown) row.hidden = !words.every((word) => text.includes(word));
    };
    const more = button("Show older ones", () => load(), { hidden: true });
    let oldest;
    const load = async () => {
        more.disabled = true;
        try {
            const { executions } = await get(`executions?limit=${PAGE}${oldest ? `&before=${oldest}` : ""}`);
            context.world.addExecutions(executions);
            for (const execution of executions) {
                const row = historyRow(execution);
                shown.push({ row, text: row.textContent.toLowerCase() });
                body.append(row);
            }
            oldest = executions.at(-1)?.execution ?? oldest;
            more.hidden = executions.length < PAGE;
            nothing.hidden = shown.length > 0;
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
    load();
    const heads = ["What", "Nodes", "How it ended", "When", ""].map((head) => element("th", { scope: "col" }, head));
    const table = element("table", { class: "history" }, element("thead", {}, element("tr", {}, heads)), body);
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
        close() {},
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
