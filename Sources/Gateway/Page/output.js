import { Children } from "./children.js";
import { element } from "./element.js";
import { countChips, moment, title } from "./format.js";
import { ExecutionPane } from "./execution.js";

const RECENT = 30;

/** The Output screen: recent executions beside the one that is open, `#output/ID`, or the newest. */
export function outputScreen(context, id) {
    const list = element("ul", { class: "recent" });
    const entries = new Children(list, ({ execution, isOpen }) => entry(execution, isOpen));
    const aside = element("aside", { "aria-label": "Recent executions" }, list);
    const place = element("div", { class: "grow" });
    let pane;
    const open = (execution) => {
        pane = new ExecutionPane(context, execution);
        place.replaceChildren(pane.node);
        update();
    };
    const update = () => {
        const { newest } = context.world;
        if (!pane && !id && newest.length > 0) return open(newest[0].execution);
        entries.show(newest.slice(0, RECENT).map((execution) => {
            const isOpen = execution.execution === pane?.id;
            const face = JSON.stringify([isOpen, title(execution), countChips(execution), moment(execution.created)]);
            return { key: execution.execution, face, value: { execution, isOpen } };
        }));
        if (!pane) place.replaceChildren(
            element("h1", {}, "Output"),
            element(
                "p",
                { class: "quiet" },
                "Nothing has run yet. ",
                element("a", { href: "#deploy" }, "Deploy something."),
            ),
        );
    };
    context.world.addEventListener("executions", update);
    if (id) open(id);
    update();
    return {
        node: element("div", { class: "beside" }, aside, place),
        close() {
            context.world.removeEventListener("executions", update);
            pane?.close();
        },
    };
}

function entry(execution, isOpen) {
    const chips = countChips(execution).map(([words, tone]) => element(
        "span",
        { class: "chip", "data-tone": tone },
        words,
    ));
    return element(
        "li",
        {},
        element(
            "a",
            { href: `#output/${execution.execution}`, "aria-current": isOpen ? "true" : undefined },
            element(
                "span",
                { class: "head" },
                element("b", { class: "mono" }, title(execution)),
                element("span", { class: "quiet" }, moment(execution.created)),
            ),
            element("span", { class: "chips" }, chips),
        ),
    );
}
