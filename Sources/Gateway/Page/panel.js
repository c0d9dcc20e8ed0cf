import { element } from "./element.js";
import { concerns, gibibytes, level, memoryParts, offsetWords, rate, share, span } from "./figures.js";
import { moment, size } from "./format.js";
import { Sparkline } from "./sparkline.js";

/** After this long without new figures a node that is present is said to be silent. */
const SILENT_MILLISECONDS = 6000;

/** One node's figures; made once, changed in place. */
export class Panel {
    #state = element("span", { class: "state" });
    #note = element("p", { class: "quiet" });
    #figures = element("div", { class: "figures", hidden: true });
    #texts = {};
    #bars = {};
    #cores = element("div", { class: "cores", role: "img" });
    #disks = element("div", { class: "disks" });
    #busiest = element("tbody");
    #facts = element("dl");
    #cpu = new Sparkline("CPU and memory of the last minutes", [{ key: "cpu", colour: "--run" }, { key: "memory", colour: "--ok" }], 100);
    #network = new Sparkline("Network of the last minutes", [{ key: "received", colour: "--run" }, { key: "sent", colour: "--wait" }]);

    constructor(name, acts) {
        this.name = name;
        this.#figures.append(
            this.#line("cpu", "CPU"),
            this.#cores,
            this.#line("load", "Load", []),
            this.#cpu.node,
            this.#line("memory", "Memory", ["used", "cache"]),
            this.#line("swap", "Swap"),
            this.#line("network", "Network", []),
            this.#network.node,
            this.#disks,
            element("table", { class: "busiest" },
                element("thead", {}, element("tr", {}, ...["pid", "name", "user", "CPU", "memory"].map((word) => element("th", { scope: "col" }, word)))),
                this.#busiest),
            this.#facts,
        );
        this.node = element(
            "li",
            { class: "card-node panel", "data-panel": name },
            element("div", { class: "head" }, element("h2", { class: "mono" }, name), this.#state),
            this.#note,
            this.#figures,
            element("div", { class: "links" }, acts),
        );
    }

    close() {
        this.#cpu.close();
        this.#network.close();
    }

    /** `node` as the world has it, `status` its newest figures or nothing, `arrived` when they came here. */
    show(node, status, arrived) {
        const isSilent = node.present && status && Date.now() - arrived > SILENT_MILLISECONDS;
        this.node.classList.toggle("away", !node.present || isSilent);
        const found = status ? concerns(status, status.cores?.length) : [];
        const words = node.present ? (found.map(({ words }) => words).join(", ") || "present") : awayWords(node);
        set(this.#state, words);
        this.#state.dataset.tone = node.present ? (found[0]?.tone ?? "ok") : "away";
        set(this.#note, noteOn(node, status, arrived, isSilent));
        this.#note.hidden = !this.#note.textContent;
        this.#figures.hidden = !status;
        if (status && status !== this.shown) this.#fill(node, status);
        this.shown = status;
    }

    draw(points) {
        this.#cpu.show(points);
        this.#network.show(points);
    }

    /** A word, a bar and a text; the parts of the bar by their names. */
    #line(key, word, parts = ["value"]) {
        this.#texts[key] = element("span", { class: "value" });
        this.#bars[key] = Object.fromEntries(parts.map((part) => [part, element("i", { class: part })]));
        const bar = parts.length > 0
            ? element("div", { class: "bar", role: "meter", "aria-label": `${word} of ${this.name}`, "aria-valuemin": 0, "aria-valuemax": 100 }, Object.values(this.#bars[key]))
            : undefined;
        this.#bars[key].bar = bar;
        return element("div", { class: "figure", "data-figure": key }, element("span", { class: "word" }, word), this.#texts[key], bar);
    }

    #fill(node, status) {
        this.#showCPU(status);
        this.#showMemory(status.memory);
        const { network } = status;
        set(this.#texts.network, network ? `${network.interface}  ↓ ${rate(network.receivedPerSecond)}  ↑ ${rate(network.sentPerSecond)}` : "not known");
        this.#showDisks(status);
        this.#showBusiest(status.busiest ?? []);
        this.#showFacts(node, status);
    }

    #showCPU({ cpu, cores = [], load, temperature }) {
        meter(this.#bars.cpu, { value: cpu ?? 0 }, level(cpu ?? 0));
        const heat = temperature === undefined ? "no sensor" : `${Math.round(temperature)} °C`;
        set(this.#texts.cpu, `${cpu === undefined ? "–" : `${Math.round(cpu)} %`} · ${heat}`);
        set(this.#texts.load, load ? load.map((number) => number.toFixed(2)).join(" · ") : "–");
        while (this.#cores.childElementCount > cores.length) this.#cores.lastElementChild.remove();
        while (this.#cores.childElementCount < cores.length) this.#cores.append(element("span", {}, element("i")));
        for (const [number, percent] of cores.entries()) {
            const core = this.#cores.children[number];
            core.dataset.tone = level(percent);
            core.title = `core ${number}: ${Math.round(percent)} %`;
            core.firstElementChild.style.height = `${percent}%`;
        }
        this.#cores.setAttribute("aria-label", `Cores: ${cores.map((percent) => `${Math.round(percent)} %`).join(", ")}`);
    }

    #showMemory(memory) {
        for (const key of ["memory", "swap"]) this.#bars[key].bar.parentNode.hidden = !memory;
        if (!memory) return;
        const { used, cache } = memoryParts(memory);
        const needed = 100 - share(memory.available, memory.total);
        meter(this.#bars.memory, { used: share(used, memory.total), cache: share(cache, memory.total) }, needed >= 95 ? "bad" : needed >= 90 ? "wait" : "ok");
        set(this.#texts.memory, `${gibibytes(used)} used · ${gibibytes(cache)} cache · ${gibibytes(memory.free)} free`);
        const { swapTotal, swapFree } = memory;
        this.#bars.swap.bar.hidden = swapTotal === 0;
        const swap = share(swapTotal - swapFree, swapTotal);
        meter(this.#bars.swap, { value: swap }, swap >= 90 ? "bad" : swap >= 50 ? "wait" : "ok");
        set(this.#texts.swap, swapTotal === 0 ? "no swap" : `${gibibytes(swapTotal - swapFree)} of ${gibibytes(swapTotal)}`);
    }

    #showDisks({ disks = [], diskReadPerSecond, diskWritePerSecond }) {
        const face = JSON.stringify([disks, diskReadPerSecond, diskWritePerSecond]);
        if (this.disksFace === face) return;
        this.disksFace = face;
        const lines = disks.map(({ path, total, free }) => {
            const used = share(total - free, total);
            const value = element("i", { class: "value" });
            const bar = element("div", { class: "bar", role: "meter", "aria-label": `${path} of ${this.name}`, "aria-valuemin": 0, "aria-valuemax": 100 }, value);
            meter({ bar, value }, { value: used }, used >= 95 ? "bad" : used >= 90 ? "wait" : "ok");
            return element("div", { class: "figure" }, element("span", { class: "word mono", title: path }, path), element("span", { class: "value" }, `${size(free)} of ${size(total)} free`), bar);
        });
        const io = diskReadPerSecond === undefined ? "" : element(
            "div", { class: "figure" }, element("span", { class: "word" }, "Disks"),
            element("span", { class: "value" }, `read ${rate(diskReadPerSecond)}, written ${rate(diskWritePerSecond)}`));
        this.#disks.replaceChildren(...lines, io);
    }

    #showBusiest(list) {
        this.#busiest.parentNode.hidden = list.length === 0;
        this.#busiest.replaceChildren(...list.map(({ pid, name, user, cpu, memory }) =>
            element("tr", {}, element("td", {}, String(pid)), element("td", { title: name }, name), element("td", { title: user }, user),
                element("td", {}, cpu === undefined ? "–" : cpu.toFixed(1)), element("td", {}, memory === undefined ? "–" : memory.toFixed(1)))));
    }

    #showFacts(node, status) {
        const clock = new Date(status.time).toLocaleTimeString("en-GB");
        const offset = offsetWords(status.offset);
        const pairs = [
            ["runs", String(status.runs)],
            ["up", status.uptime === undefined ? "" : span(status.uptime)],
            ["its time", offset ? `${clock}, ${offset}` : `${clock}, right within 2 s`],
            ["kernel", status.kernel],
            ["host", status.hostname],
            ["addresses", (status.addresses ?? []).join(" ")],
            ...Object.entries(node.labels ?? {}).map(([name, value]) => [`label ${name}`, value]),
            ["estiba", node.program],
            ...Object.entries(status.own ?? {}),
        ].filter(([, value]) => value);
        this.#facts.replaceChildren(...pairs.map(([name, value]) => [element("dt", {}, name), element("dd", {}, value)]).flat());
    }
}

function awayWords(node) {
    return node.since ? `away since ${moment(node.since)}` : "never seen";
}

function noteOn(node, status, arrived, isSilent) {
    if (!node.present) return status ? `Its figures of ${moment(arrived)}. Its runs are kept; orders wait for it.` : "Its runs are kept; orders wait for it.";
    if (!status) return "Waiting for its figures…";
    return isSilent ? `No figures since ${moment(arrived)}.` : "";
}

/** Sets the parts of a bar, in percent. */
function meter({ bar, ...parts }, values, tone) {
    for (const [part, percent] of Object.entries(values)) parts[part].style.width = `${percent}%`;
    bar.dataset.tone = tone;
    bar.setAttribute("aria-valuenow", String(Math.round(Object.values(values)[0])));
}

function set(node, text) {
    if (node.textContent !== text) node.textContent = text;
}
