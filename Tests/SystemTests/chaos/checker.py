"""What is wrong with a run that is over. Looks at nothing but its arguments, so that it can be shown to find what it must."""

import collections
import dataclasses

from chaos import ledger

# States in which a command was not started.
UNSTARTED = {"refused", "expired", "cancelled"}
ENDED = {"exited", "signalled", "timed-out", "out-of-memory", "stopped", "interrupted", "placed"} | UNSTARTED
NEEDS_REASON = {"refused", "expired", "cancelled", "interrupted"}


@dataclasses.dataclass
class Evidence:
    """All that is known when everything has come to rest."""

    operations: list
    history: list
    ledger: list
    # Of every execution that a gateway lists: {id: {"operation", "gateway", "complete", "runs": [{"node", "state", …}]}}
    executions: dict
    # (execution, node, stream): bytes, of jobs that print.
    outputs: dict = dataclasses.field(default_factory=dict)
    # Processes that were left, parts that are not there.
    leftovers: list = dataclasses.field(default_factory=list)
    missing: list = dataclasses.field(default_factory=list)
    # From where to where output does not flow any more.
    silent: list = dataclasses.field(default_factory=list)
    crashes: list = dataclasses.field(default_factory=list)
    supervisors_killed: int = 0


def check(evidence):
    """Every violation, in words; none where the promises were kept."""
    return [*answers(evidence), *states(evidence), *starts(evidence), *outputs(evidence), *rest(evidence)]


def answers(evidence):
    """What was accepted is there, once; another request under the same key is a conflict."""
    listed = collections.defaultdict(set)
    for id, execution in evidence.executions.items():
        listed[execution["operation"], execution["gateway"]].add(id)
    told = collections.defaultdict(set)
    for event in evidence.history:
        if event["what"] == "conflict" and event["status"] != 409:
            yield f"{event['operation']}: another request under its key was answered {event['status']}"
        if event["what"] == "stop" and event["status"] not in (202, 404):
            yield f"{event['operation']}: its stop was answered {event['status']}"
        if event["what"] == "failed":
            yield f"{event['operation']}: never answered: {event['why']}"
        if event["what"] != "answered":
            continue
        if event["status"] not in (200, 202):
            yield f"{event['operation']}: refused, {event['status']} {event['code']}"
            continue
        told[event["operation"], event["gateway"]].add(event["execution"])
    for place, ids in told.items():
        if len(ids) > 1:
            yield f"{place[0]}: answered with several executions: {sorted(ids)}"
        for id in ids - listed[place]:
            yield f"{place[0]}: accepted as {id}, which is lost"
    for place, ids in listed.items():
        if len(ids) > 1:
            yield f"{place[0]}: executed {len(ids)} times: {sorted(ids)}"


def states(evidence):
    """Every run is in one last state, with a reason where one is due, and has never been in another last one."""
    by_name = {operation.name: operation for operation in evidence.operations}
    was_full = any(event["what"] == "fault" and event["fault"] == "full" for event in evidence.history)
    seen = {}
    for event in evidence.history:
        if event["what"] == "seen":
            seen.setdefault((event["execution"], event["node"]), event["state"])
    for id, execution in evidence.executions.items():
        operation = by_name.get(execution["operation"])
        if operation is None:
            yield f"{id}: an execution that nobody asked for"
            continue
        if not execution["complete"]:
            yield f"{operation.name}: {id} never became complete"
        nodes = [run["node"] for run in execution["runs"]]
        if sorted(nodes) != sorted(operation.nodes):
            yield f"{operation.name}: {id} is on {nodes}"
        for run in execution["runs"]:
            where, state = f"{operation.name} ({operation.kind}): {id} on {run['node']}", run["state"]
            if state not in ENDED:
                yield f"{where} is still {state}"
                continue
            before = seen.get((id, run["node"]), state)
            if before != state:
                yield f"{where} was {before} and is {state}"
            if state in NEEDS_REASON and not run.get("reason"):
                yield f"{where} is {state} without a reason"
            yield from unwanted(where, operation, run, was_full)


def unwanted(where, operation, run, was_full):
    """A last state that nothing of what was done explains."""
    allowed = {"exited", "interrupted"}
    if was_full and run.get("reason", {}).get("code") == "no_space":
        allowed.add("refused")
    if operation.kind == "stop":
        allowed |= {"stopped", "cancelled"}
    if run["state"] not in allowed:
        yield f"{where} is {run['state']}: {run.get('reason')}"
    if run["state"] == "exited" and run.get("code") != operation.code:
        yield f"{where} exited with {run.get('code')}, not {operation.code}"


def starts(evidence):
    """What the jobs say: each was started at most once, and as often as its state says."""
    events = collections.Counter((entry.execution, entry.node, entry.event) for entry in evidence.ledger)
    last = {(id, run["node"]): (execution["operation"], run["state"])
            for id, execution in evidence.executions.items() for run in execution["runs"]}
    for execution, node in {(entry.execution, entry.node) for entry in evidence.ledger} - set(last):
        yield f"{execution} ran on {node} and is unknown"
    interrupted = 0
    for (id, node), (name, state) in last.items():
        begun, ended = events[id, node, "start"], events[id, node, "end"]
        where = f"{name}: {id} on {node}"
        if begun > 1 or ended > 1:
            yield f"{where} was started {begun} times and ended {ended} times"
        if state in UNSTARTED and begun:
            yield f"{where} is {state}, and was started"
        if state == "exited" and (begun, ended) != (1, 1):
            yield f"{where} is exited, with {begun} starts and {ended} ends"
        if state == "interrupted" and begun:
            interrupted += 1
    # Who began has a supervisor, and only with its end is the end of such a run unknown.
    if interrupted > evidence.supervisors_killed:
        yield f"{interrupted} runs that had begun are interrupted; {evidence.supervisors_killed} supervisors were killed"


def outputs(evidence):
    """What is in the log is what the job wrote: all of it where it exited, else the beginning."""
    by_name = {operation.name: operation for operation in evidence.operations}
    for id, execution in evidence.executions.items():
        operation = by_name.get(execution["operation"])
        if operation is None or not operation.lines:
            continue
        for run in execution["runs"]:
            for stream, wanted in ledger.output(operation.name, operation.lines).items():
                found = evidence.outputs.get((id, run["node"], stream), b"")
                where = f"{operation.name}: {stream} of {id} on {run['node']}"
                if run["state"] == "exited" and found != wanted:
                    yield f"{where} differs: {difference(found, wanted)}"
                elif not wanted.startswith(found):
                    yield f"{where} is no beginning of what was written: {difference(found, wanted)}"


def difference(found, wanted):
    at = next((at for at, pair in enumerate(zip(found, wanted)) if pair[0] != pair[1]), min(len(found), len(wanted)))
    return f"{len(found)} of {len(wanted)} bytes, from {at} {found[at:at + 30]!r} for {wanted[at:at + 30]!r}"


def rest(evidence):
    """Nothing is left over, and everybody is there."""
    for process in evidence.leftovers:
        yield f"a process is left: {process}"
    for part in evidence.missing:
        yield f"{part} is not there any more"
    for way in evidence.silent:
        yield f"no output from {way}"
    for words in evidence.crashes:
        yield f"a part crashed: {words}"
