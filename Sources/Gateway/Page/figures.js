/** What a node's figures (docs/protocol.md §12) mean: parts, words, and what of them is unusual. No page in here. */

const GIB = 1024 ** 3;
const CLOCK_MILLISECONDS = 2000;

/** The tone of a core or of anything in percent: yellow from 75, red from 90. */
export function level(percent) {
    if (percent >= 90) return "bad";
    return percent >= 75 ? "wait" : "ok";
}

export function share(part, whole) {
    return whole > 0 ? Math.min(100, Math.max(0, (100 * part) / whole)) : 0;
}

export function gibibytes(bytes) {
    return `${(bytes / GIB).toFixed(bytes < 9.95 * GIB ? 1 : 0)} GiB`;
}

export function rate(bytes) {
    if (bytes === undefined) return "–";
    const units = ["B/s", "kB/s", "MB/s", "GB/s"];
    let unit = 0;
    let value = bytes;
    while (value >= 999.5 && unit < units.length - 1) [value, unit] = [value / 1000, unit + 1];
    return `${unit > 0 && value < 9.95 ? value.toFixed(1) : Math.round(value)} ${units[unit]}`;
}

/** How long a machine is up, in its two largest units. */
export function span(seconds) {
    const [days, hours, minutes] = [Math.floor(seconds / 86400), Math.floor(seconds / 3600) % 24, Math.floor(seconds / 60) % 60];
    if (days > 0) return `${days} d ${hours} h`;
    return hours > 0 ? `${hours} h ${minutes} min` : `${minutes} min`;
}

/** What of the memory is used, what is cache that it would give up, what is free; in bytes, the sum is the total. */
export function memoryParts({ total, free, buffers, cached }) {
    const cache = Math.min(buffers + cached, total - free);
    return { used: Math.max(0, total - free - cache), cache, free };
}

/** A clock's offset in words; nothing where it is right. */
export function offsetWords(milliseconds) {
    if (Math.abs(milliseconds) < CLOCK_MILLISECONDS) return "";
    return `${(Math.abs(milliseconds) / 1000).toFixed(1)} s ${milliseconds > 0 ? "ahead" : "behind"}`;
}

/** What is unusual about a node, as `{ tone, words }`, the worst first. `cores` is how many it has, where that is known. */
export function concerns(status, cores) {
    const found = [];
    const add = (value, wait, bad, words) => {
        if (value >= wait) found.push({ tone: value >= bad ? "bad" : "wait", words });
    };
    if (status.cpu !== undefined) add(status.cpu, 75, 90, `CPU ${Math.round(status.cpu)} %`);
    if (status.memory) {
        const used = 100 - share(status.memory.available, status.memory.total);
        add(used, 90, 95, `memory ${Math.round(used)} % used`);
        const swap = share(status.memory.swapTotal - status.memory.swapFree, status.memory.swapTotal);
        add(swap, 50, 90, `swap ${Math.round(swap)} % used`);
    }
    for (const { path, total, free } of status.disks ?? []) {
        const used = share(total - free, total);
        add(used, 90, 95, `${path} ${Math.round(used)} % full`);
    }
    if (status.load && cores > 0) add(status.load[1] / cores, 2, 4, `load ${status.load[1].toFixed(1)}`);
    if (status.temperature !== undefined) add(status.temperature, 80, 90, `${Math.round(status.temperature)} °C`);
    const clock = Math.abs(status.offset ?? 0);
    add(clock, CLOCK_MILLISECONDS, 30_000, `clock ${offsetWords(status.offset ?? 0)}`);
    return found.sort((one, other) => Number(other.tone === "bad") - Number(one.tone === "bad"));
}

/** The last minutes of a node: points of `{ x: ms, … }`, the oldest fall out. */
export class Minutes {
    static WIDTH = 5 * 60_000;
    points = [];

    add(point) {
        if (point.x <= (this.points.at(-1)?.x ?? 0)) return;
        this.points.push(point);
        const begin = point.x - Minutes.WIDTH;
        const old = this.points.findIndex(({ x }) => x >= begin);
        if (old > 0) this.points.splice(0, old);
    }
}
