import { count } from "./format.js";

/**
 * What the form holds, as requests for executions and as a sentence (docs/protocol.md §10). Decides only.
 *
 * A thing is `{ file, run, service }`: `file` as a request has it, `run` its own command or "", `service` or undefined.
 */

/** With more than this they are counted instead of named. */
const MOST_NAMED = 3;
/** The gateway takes no more executions in one submission. */
const MOST_EXECUTIONS = 100;

/**
 * Who goes alone and who goes together: a thing with its own command is an execution of its own, and so is one among
 * several with a profile or a service name, which belong to an execution. The others are placed together, and then the
 * common command runs.
 */
export function grouped(things) {
    const isAlone = ({ file, run, service }) => run !== "" || (things.length > 1 && Boolean(file.profile || service));
    return { alone: things.filter(isAlone), together: things.filter((thing) => !isAlone(thing)) };
}

/** Why this cannot be asked for, in words, or undefined. `line` is the common command. */
export function problemOf(things, line) {
    const { alone, together } = grouped(things);
    if (line && alone.length > 0 && together.length === 0) {
        return "Every file has a command or a profile of its own: nothing is left for the command that runs after all.";
    }
    if (alone.length + Math.min(together.length, 1) > MOST_EXECUTIONS) {
        return `At most ${MOST_EXECUTIONS} files with a command, profile or service of their own go at once.`;
    }
    const idle = things.find((thing) => thing.service && !thing.run && !thing.file.profile && !(line && together.includes(thing)));
    if (idle) return `The service ${idle.service.name} needs a command or a profile that starts it.`;
    return undefined;
}

/** The requests: `shell` says whether commands go to the login shell, `rest` is what every request has besides. */
export function requestsOf({ things, line, shell, nodes, rest = {} }) {
    const { alone, together } = grouped(things);
    const command = (text) => (text ? { command: shell ? { shell: text } : { line: text } } : {});
    const requests = alone.map(({ file, run, service }) => ({
        ...rest,
        nodes,
        kind: "deploy",
        files: [file],
        ...command(run),
        folder: run ? runFolder([file]) : undefined,
        service,
    }));
    if (together.length > 0) {
        const files = together.map((thing) => thing.file);
        requests.push({
            ...rest,
            nodes,
            kind: "deploy",
            files,
            ...command(line),
            folder: rest.folder ?? (line ? runFolder(files) : undefined),
            service: together.find((thing) => thing.service)?.service,
        });
    } else if (line && things.length === 0) {
        requests.push({ ...rest, nodes, kind: "run", ...command(line) });
    }
    return requests;
}

/** Where a command runs: in the one tree that was placed; else the gateway takes the folder of the first file. */
function runFolder(files) {
    const [first, second] = files;
    if (!first.tree || second) return undefined;
    return first.folder ? `${first.folder}/${first.name}` : first.name;
}

/** What will be done, without where: `Place a.sh, then run ./a.sh`. Empty where there is nothing to do. */
export function deed(things, line) {
    const { alone, together } = grouped(things);
    const parts = [];
    const handed = alone.filter((thing) => thing.file.profile);
    const run = alone.filter((thing) => !thing.file.profile);
    if (handed.length > 0) parts.push(handedWords(handed));
    if (run.length === 1) parts.push(`place ${run[0].file.name}${runWords(run[0].run, " and run ")}`);
    else if (run.length > 1) parts.push(`place ${names(run)}, each with its own command`);
    if (together.length > 0) parts.push(togetherWords(together, line));
    else if (line) parts.push(`run ${cut(line)}`);
    const sentence = parts.join("; ");
    return sentence && sentence[0].toUpperCase() + sentence.slice(1);
}

function handedWords(things) {
    const profiles = [...new Set(things.map((thing) => thing.file.profile))];
    return `hand ${names(things)} to ${profiles.join(" and ")}`;
}

function togetherWords(things, line) {
    const placed = things.every((thing) => thing.file.profile) ? handedWords(things) : `place ${names(things)}`;
    return placed + runWords(line, ", then run ");
}

function runWords(line, word) {
    return line ? word + cut(line) : "";
}

function names(things) {
    if (things.length > MOST_NAMED) return count(things.length, "file");
    return things.map((thing) => thing.file.name).join(", ");
}

function cut(line) {
    return line.length > 60 ? `${line.slice(0, 60)}…` : line;
}
