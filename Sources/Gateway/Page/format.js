/** Sizes, times and states in words. */

export function size(bytes) {
    if (bytes < 1000) return bytes === 1 ? "1 byte" : `${bytes} bytes`;
    const units = ["kB", "MB", "GB", "TB"];
    let value = bytes / 1000;
    let unit = 0;
    while (value >= 999.95 && unit < units.length - 1) [value, unit] = [value / 1000, unit + 1];
    return `${value < 10 ? value.toFixed(1) : Math.round(value)} ${units[unit]}`;
}

export function count(number, word, plural = `${word}s`) {
    return `${number.toLocaleString("en")} ${number === 1 ? word : plural}`;
}

export function duration(milliseconds) {
    const seconds = Math.max(0, milliseconds / 1000);
    if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
    const whole = Math.round(seconds);
    const [units, first, second] = whole < 3600 ? [[60, 1], "min", "s"] : [[3600, 60], "h", "min"];
    if (whole < 60) return `${whole} s`;
    const rest = Math.floor((whole % units[0]) / units[1]);
    return `${Math.floor(whole / units[0])} ${first}${rest > 0 ? ` ${rest} ${second}` : ""}`;
}

/** The time of today, else the date with it. */
export function moment(milliseconds) {
    const then = new Date(milliseconds);
    const clock = then.toLocaleTimeString("en-GB");
    if (then.toDateString() === new Date().toDateString()) return clock;
    return `${then.toLocaleDateString("en-GB", { day: "numeric", month: "short", year: "numeric" })}, ${clock}`;
}

/** The time of day to the millisecond. */
export function clock(milliseconds) {
    const then = new Date(milliseconds);
    return `${then.toLocaleTimeString("en-GB")}.${String(then.getMilliseconds()).padStart(3, "0")}`;
}

/** A mode as people write it: 0755. */
export function octal(mode) {
    return `0${mode.toString(8).padStart(3, "0")}`;
}

/** What there is to say of the gateway an execution belongs to: nothing while that one is there. */
export function ownerWords(execution) {
    if (!execution?.ownerAwaySince || execution.complete) return "";
    return `The gateway ${execution.owner} is away since ${moment(execution.ownerAwaySince)}; its runs go on, and what is `
        + "shown is what it told last.";
}

const SIGNALS = {
    1: "SIGHUP",
    2: "SIGINT",
    3: "SIGQUIT",
    6: "SIGABRT",
    8: "SIGFPE",
    9: "SIGKILL",
    11: "SIGSEGV",
    13: "SIGPIPE",
    15: "SIGTERM",
};

/** A run's state in words: what a colour alone would not say. */
export function stateWords(run) {
    const words = {
        fetching: `fetching${run.percent === undefined ? "" : ` ${run.percent} %`}`,
        exited: `exited ${run.code ?? 0}`,
        signalled: `ended by ${SIGNALS[run.signal] ?? `signal ${run.signal}`}`,
        "timed-out": "timed out",
        "out-of-memory": "out of memory",
    };
    const word = words[run.state] ?? run.state;
    return isAway(run) ? `${word}, away since ${moment(run.awaySince)}` : word;
}

/** Its node went away before it ended: what is known of it is as old as that. */
export function isAway(run) {
    return Boolean(run.awaySince) && !run.terminal;
}

/** The tone of a state: `ok`, `run`, `bad`, `wait`, `away` or `quiet`. */
export function tone(run) {
    if (isAway(run)) return "away";
    if (run.state === "waiting") return "wait";
    if (run.state === "exited") return (run.code ?? 0) === 0 ? "ok" : "bad";
    if (run.state === "placed" && run.terminal) return "ok";
    if (["delivered", "fetching", "placed", "running"].includes(run.state)) return "run";
    if (["stopped", "cancelled"].includes(run.state)) return "quiet";
    return "bad";
}

const TONES = ["bad", "away", "wait", "run", "quiet", "ok"];

/** Puts what wants to be looked at first. */
export function byTone(one, other) {
    return TONES.indexOf(one) - TONES.indexOf(other);
}

const FAILURES = ["signalled", "timed-out", "out-of-memory", "expired", "refused", "interrupted"];
const GOING = { waiting: "wait", delivered: "run", fetching: "run", running: "run" };

/** An execution's counts as chips `[words, tone]`, those that went wrong first. */
export function countChips({ counts = {}, failed }) {
    const failures = FAILURES.reduce((sum, state) => sum + (counts[state] ?? 0), 0);
    const chips = failed > 0 ? [[`${failed} failed`, "bad"]] : [];
    for (const [state, number] of Object.entries(counts)) {
        if (FAILURES.includes(state) && failed !== undefined) continue;
        const good = state === "exited" && failed !== undefined ? number - (failed - failures) : number;
        const word = state === "exited" && failed !== undefined ? "exited 0" : state.replaceAll("-", " ");
        const isGood = failed !== undefined && ["exited", "placed"].includes(state);
        if (good > 0) chips.push([`${good} ${word}`, toneOf(state, isGood)]);
    }
    return chips;
}

function toneOf(state, isGood) {
    if (FAILURES.includes(state)) return "bad";
    return GOING[state] ?? (isGood ? "ok" : "quiet");
}

/** What an execution is called where there is one line for it. */
export function title(execution) {
    if (execution.command) return execution.command;
    const names = (execution.files ?? []).map((file) => file.name);
    return names.length > 0 ? `place ${names.join(", ")}` : execution.execution;
}
