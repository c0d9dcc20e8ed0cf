#!/usr/bin/env python3
"""Appends every event of the bus, and with --output every record of output, to a file: one JSON object a line.

    estiba subscribe-key --name bridge --json > bridge.json
    bridge.py bridge.json events.jsonl
    bridge.py bridge.json events.jsonl --output
    bridge.py --broker 'tcp://10.0.0.1:7403 6d1e…' --key billing.key --topic event/ events.jsonl        # a service

An event is {"kind":"event","execution","node","user","command","state","sequence",…}; `sequence` grows within a run. An
output record is {"kind":"output","execution","node","stream","position","time","text"} or "base64" where it is no UTF-8.
What could not be had is {"kind":"lost","execution","node","from","to"}.

The file may be moved away at any time (logrotate's plain `create`; no signal is needed): it is opened anew by its name. Beside
it lies FILE.state, by which a start goes on. Over the bridge's own end, kill -9 too: with a login (ESTIBA_TOKEN, or
`estiba login`) every output record is there once, and every run's last state; states in between that came and went while it
was away are not, since the bus keeps nothing. Without a login it has what came while it was there."""

import argparse
import base64
import json
import os
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "subscriber"))

import estiba_pb2  # noqa: E402
import follower  # noqa: E402
from subscriber import Stop, add_access, connect, say  # noqa: E402


class File:
    """Lines at the end of a file that others may move away. The state says how far they were counted, so that after a crash
    only what stands behind it is read again."""

    def __init__(self, path):
        self.path, self.waiting = path, []
        self.file = None
        self.open()

    def open(self):
        if self.file:
            self.file.close()
        self.file = open(self.path, "a+b", buffering=0)

    @property
    def mark(self):
        status = os.fstat(self.file.fileno())
        return {"inode": status.st_ino, "size": status.st_size}

    def is_moved(self):
        try:
            return os.stat(self.path).st_ino != os.fstat(self.file.fileno()).st_ino
        except FileNotFoundError:
            return True

    def tail(self, mark):
        """Whole lines behind the mark; half a line at the end, of a crash, is cut off. In another file than the mark's all
        lines are new."""
        begin = mark["size"] if mark and mark["inode"] == self.mark["inode"] else 0
        self.file.seek(begin)
        data = self.file.read()
        whole = data.rfind(b"\n") + 1
        self.file.truncate(begin + whole)
        return [json.loads(line) for line in data[:whole].splitlines()]

    def add(self, value):
        self.waiting.append(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode() + b"\n")

    def flush(self):
        data, self.waiting = b"".join(self.waiting), []
        while data:
            data = data[self.file.write(data):]


class Writer:
    """Makes lines of what the follower tells."""

    def __init__(self, file, output):
        self.file, self.wants_output = file, output
        self.reader = None
        self.events = {}       # the greatest sequence written, by execution and node
        self.ended = set()     # runs whose last state is written

    def event(self, frames):
        """An event as it came; the same one by another broker, or from before a start, is not written again."""
        event = estiba_pb2.Event.FromString(frames[1])
        report = event.report
        execution, node = frames[0].decode().split("/")[2:4]
        if execution in self.reader.done:
            return
        if report.sequence <= self.events.get((execution, node), -1) or (execution, node) in self.ended:
            return
        self.seen(execution, node, report.sequence, report.terminal)
        line = {
            "kind": "event", "time": report.time_milliseconds, "user": event.user, "execution": execution, "node": node,
            "what": event.kind, "command": event.command, "state": follower.WORDS.get(report.state),
            "terminal": report.terminal, "sequence": report.sequence}
        if line["state"] in ("exited", "interrupted"):
            line["code"] = report.code
        for name, value in [("signal", report.signal), ("percent", report.percent), ("pid", report.pid)]:
            if value:
                line[name] = value
        if report.reason.code:
            line["reason"] = {"code": report.reason.code, "sentence": report.reason.sentence}
        self.file.add(line)

    def seen(self, execution, node, sequence, is_last):
        self.events[execution, node] = max(sequence, self.events.get((execution, node), -1))
        if is_last:
            self.ended.add((execution, node))

    def output(self, execution, node, stream, position, when, content):
        if not self.wants_output:
            return
        line = {"kind": "output", "execution": execution, "node": node, "stream": stream, "position": position, "time": when}
        try:
            line["text"] = content.decode()
        except UnicodeDecodeError:
            line["base64"] = base64.b64encode(content).decode()
        self.file.add(line | {"bytes": len(content)})

    def lost(self, execution, node, begin, end):
        if self.wants_output:
            self.file.add({"kind": "lost", "execution": execution, "node": node, "from": begin, "to": end})

    def state(self, execution, node, view):
        """What the follower tells of a run: written only where no event has said it, because it was dropped."""
        if not view["terminal"] or (execution, node) in self.ended:
            return
        self.ended.add((execution, node))
        more = {name: view[name] for name in ("code", "signal", "reason") if name in view}
        self.file.add({
            "kind": "event", "time": view.get("since", int(time.time() * 1000)), "execution": execution, "node": node,
            "state": view["state"], "terminal": True, "from": "gateway"} | more)

    def forget(self):
        """Runs of executions that are done come no more."""
        self.events = {key: value for key, value in self.events.items() if key[0] in self.reader.runs}
        self.ended = {key for key in self.ended if key[0] in self.reader.runs}


def resume(file, path):
    """What the state file says, and the lines that were written after it."""
    saved = follower.load(path) or {"positions": None, "events": [], "ended": [], "mark": None}
    positions = saved["positions"] or {"since": int(time.time() * 1000), "runs": {}, "done": {}}
    events = {(execution, node): sequence for execution, node, sequence in saved["events"]}
    ended = {tuple(key) for key in saved["ended"]}
    for line in file.tail(saved["mark"]):
        execution, node = line["execution"], line["node"]
        run = positions["runs"].setdefault(execution, {}).setdefault(node, {})
        if line["kind"] == "output":
            run["next"] = max(run.get("next", 0), line["position"] + 20 + line["bytes"])
        elif line["kind"] == "lost":
            run["next"] = max(run.get("next", 0), line["to"])
        else:
            if "sequence" in line:
                events[execution, node] = max(line["sequence"], events.get((execution, node), -1))
            if line["terminal"]:
                ended.add((execution, node))
    return positions, events, ended


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_access(parser)
    parser.add_argument("file", help="what is appended to")
    parser.add_argument("--output", action="store_true", help="output too, not only events")
    options = parser.parse_args()
    file = File(options.file)
    positions, events, ended = resume(file, options.file + ".state")
    writer = Writer(file, options.output)
    writer.events, writer.ended = events, ended
    lines, gateway = connect(options, None if options.output else "event/")
    reader = writer.reader = follower.Follower(writer, gateway, say, positions, output=options.output)
    stop, saved = Stop(), 0

    def save():
        nonlocal saved
        file.flush()
        if file.is_moved():
            file.open()
        writer.forget()
        follower.store(options.file + ".state", {
            "positions": reader.saved(), "events": [[*key, sequence] for key, sequence in writer.events.items()],
            "ended": [list(key) for key in writer.ended], "mark": file.mark})
        saved = time.monotonic()

    save()
    while not stop.is_asked:
        is_busy = False
        for frames in lines.messages(0.2):
            is_busy = True
            if frames[0].startswith(b"event/") and len(frames) == 2:
                try:
                    writer.event(frames)
                except (ValueError, UnicodeDecodeError) as error:
                    say(f"a message that is not understood: {error}")
            reader.receive(frames)
        if lines.is_new:
            lines.is_new, reader.sweep_at = False, 0
        reader.work()
        file.flush()
        if (is_busy and time.monotonic() - saved > 1) or file.is_moved():
            save()
    save()
    lines.close()


if __name__ == "__main__":
    main()
