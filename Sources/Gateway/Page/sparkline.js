import { Minutes } from "./figures.js";

let loading;
const shown = new Set();

/** Chart.js, fetched when it is first wanted; nothing where the gateway has none. */
function library() {
    loading ??= import("/library/chart.min.js").then(() => globalThis.Chart, () => undefined);
    return loading;
}

matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    for (const sparkline of shown) sparkline.colour();
});

/** Lines of the last minutes on a canvas; `lines` are `{ key, colour }`, the name of a point's value and of a CSS variable. */
export class Sparkline {
    #chart;
    #closed = false;

    constructor(label, lines, maximum) {
        this.lines = lines;
        this.canvas = document.createElement("canvas");
        this.canvas.setAttribute("role", "img");
        this.canvas.setAttribute("aria-label", label);
        this.node = document.createElement("div");
        this.node.className = "sparkline";
        this.node.append(this.canvas);
        library().then((Chart) => !this.#closed && Chart && this.#draw(Chart, maximum));
    }

    show(points) {
        this.points = points;
        if (!this.#chart) return;
        for (const [index, { key }] of this.lines.entries()) {
            this.#chart.data.datasets[index].data = points.map((point) => ({ x: point.x, y: point[key] }));
        }
        const end = points.at(-1)?.x ?? Date.now();
        Object.assign(this.#chart.options.scales.x, { min: end - Minutes.WIDTH, max: end });
        this.#chart.update("none");
    }

    colour() {
        const style = getComputedStyle(document.documentElement);
        for (const [index, { colour }] of this.lines.entries()) {
            this.#chart.data.datasets[index].borderColor = style.getPropertyValue(colour).trim();
        }
        this.#chart.update("none");
    }

    close() {
        this.#closed = true;
        shown.delete(this);
        this.#chart?.destroy();
    }

    #draw(Chart, maximum) {
        const hidden = { display: false };
        this.#chart = new Chart(this.canvas, {
            type: "line",
            data: {
                datasets: this.lines.map(() => ({ data: [], borderWidth: 1.5, pointRadius: 0, tension: 0.2 })),
            },
            options: {
                animation: false,
                events: [],
                maintainAspectRatio: false,
                normalized: true,
                parsing: false,
                plugins: { legend: hidden, tooltip: { enabled: false } },
                scales: { x: { type: "linear", ...hidden }, y: { ...hidden, min: 0, max: maximum, grace: "5%" } },
            },
        });
        shown.add(this);
        this.colour();
        this.show(this.points ?? []);
    }
}
