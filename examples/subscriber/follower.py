"""Output and states of a user's runs: live from the bus, and from the gateway where the bus has dropped something.

The bus may drop: that is what makes it fast. Every run's output has positions without holes, so what is missing is
known, and the gateway's log has it. What no message tells of any more, such as an end that was dropped, the sweep
finds: now and then the gateway is asked for all executions that are not done."""

import http.client
import json
import os
import time

import api
import bus
import estiba_pb2

WORDS = {
    number: name.removeprefix("STATE_").lower().replace("_", "-") for name, number in estiba_pb2.State.items()}
RANK = {"waiting": 0, "delivered": 1, "fetching": 2, "placed": 3, "running": 4}
HELD_BYTES = 4 << 20       # of slices that wait for what is missing before them, a run
DONE_SECONDS = 7 * 86400   # so long a complete execution is remembered, and so far back the sweep looks
IDLE_SECONDS = 3600        # without a gateway, an execution is complete when all runs heard of are over for so long


class Run:
    """An execution on one node: what has been handed on of it."""

    def __init__(self, saved=None):
        saved = saved or {}
        self.spool = saved.get("spool")
        self.next = saved.get("next", 0)     # the position of the first record that was not handed on
        self.state = saved.get("state", "waiting")
        self.is_over = saved.get("over", False)
        self.wanted = self.next              # output is known to go so far
        self.final = None                    # the last state, once it is known
        self.held, self.held_bytes = {}, 0   # slices by position
        self.due = None                      # when the gateway is asked
        self.pause = 0.2
        self.touched = time.time()           # when something of it came last

    def saved(self):
        return {"spool": self.spool, "next": self.next, "state": self.state, "over": self.is_over}

    def hold(self, piece):
        self.let_go(piece.position)
        self.held[piece.position] = piece
        self.held_bytes += len(piece.records)
        while self.held_bytes > HELD_BYTES:
            self.let_go(min(self.held))

    def let_go(self, position):
        piece = self.held.pop(position, None)
        self.held_bytes -= len(piece.records) if piece else 0
        return piece


class Follower:
    """Calls `sink.output(execution, node, record)`, `sink.lost(execution, node, begin, end)`,
    `sink.state(execution, node, state)` in order, each once."""

    SWEEP_SECONDS = 15
    GRACE_SECONDS = 1          # what is on its way may still come by itself

    def __init__(self, sink, gateway, say, saved=None, only=None, output=True):
        """`gateway` is None for a service that has no login: then what the bus drops is told as lost."""
        self.sink, self.gateway, self.say, self.only, self.wants_output = sink, gateway, say, only, output
        saved = saved or {"since": int(time.time() * 1000), "runs": {}, "done": {}}
        self.since = saved["since"]
        self.done = dict(saved["done"])      # complete executions, with the time they were made
        self.runs = {
            execution: {node: Run(run) for node, run in nodes.items()} for execution, nodes in saved["runs"].items()}
        self.sweep_at = 0
        self.is_first = not saved["runs"] and not saved["done"]
        self.trouble = None

    def saved(self):
        limit = int((time.time() - DONE_SECONDS) * 1000)
        if self.gateway is None:
            self.forget([key for key, nodes in self.runs.items() if all(
                run.is_over and run.touched < time.time() - IDLE_SECONDS for run in nodes.values())])
        self.since = max(self.since, limit)
        self.done = {execution: made for execution, made in self.done.items() if made >= limit}
        runs = {
            execution: {node: run.saved() for node, run in nodes.items()} for execution, nodes in self.runs.items()}
        return {"since": self.since, "runs": runs, "done": self.done}

    def forget(self, executions, made=None):
        for execution in executions:
            self.done[execution] = made or int(time.time() * 1000)
            self.runs.pop(execution, None)

    # What comes by the bus

    def receive(self, frames):
        try:
            if frames[0].startswith(b"output/") and len(frames) == 3:
                self.take_slice(bus.Slice(frames))
            elif frames[0].startswith(b"event/") and len(frames) == 2:
                event = estiba_pb2.Event.FromString(frames[1])
                report = event.report
                execution, node = frames[0].decode().split("/")[2:4]
                # The owner has a ready view of an end; from a node it is put together here.
                view = {"state": WORDS.get(report.state, "waiting"), "terminal": report.terminal}
                if view["state"] in ("exited", "interrupted"):
                    view["code"] = report.code
                if report.signal:
                    view["signal"] = report.signal
                if report.reason.code:
                    view["reason"] = {"code": report.reason.code, "sentence": report.reason.sentence}
                if report.terminal:
                    view["finalLength"] = report.final_length
                self.take_state(execution, node, view)
        except (ValueError, UnicodeDecodeError, bus.struct.error) as error:
            self.say(f"a message that is not understood: {error}")

    def run(self, execution, node):
        """None for what is over and has been handed on whole, and for what nobody asked for."""
        if execution in self.done or self.only not in (None, execution):
            return None
        run = self.runs.setdefault(execution, {}).setdefault(node, Run())
        return None if run.is_over else run

    def take_slice(self, piece):
        run = self.run(piece.execution, piece.node)
        if run is None or piece.end <= run.next:
            return
        run.touched = time.time()
        if run.spool is None:
            run.spool = piece.spool
            # Without a gateway what was said before we came cannot be had, and nobody promised it.
            if self.gateway is None:
                run.next = run.wanted = max(run.next, piece.position)
        if run.spool != piece.spool:
            return self.say(f"{piece.node}: another spool for {piece.execution}, left alone")
        run.wanted = max(run.wanted, piece.end)
        if piece.position > run.next:
            run.hold(piece)
            return self.miss(piece.execution, piece.node, run)
        self.hand_on(piece.execution, piece.node, run, piece.records, piece.position)

    def take_state(self, execution, node, view):
        run = self.run(execution, node)
        if run is None:
            return
        run.touched = time.time()
        if self.wants_output:
            run.wanted = max(run.wanted, view.get("copied", 0), view.get("finalLength", 0))
        if view["terminal"]:
            run.final = view
        elif RANK.get(view["state"], 9) > RANK.get(run.state, 9):
            run.state = view["state"]
            self.sink.state(execution, node, view)
        self.settle(execution, node, run)

    # What follows from it

    def hand_on(self, execution, node, run, data, position):
        self.take_records(execution, node, run, data, position)
        self.settle(execution, node, run)

    def take_records(self, execution, node, run, data, position):
        for begin, end, stream, when, content in bus.records(data, position):
            if begin < run.next:
                continue
            if begin > run.next:
                self.lose(execution, node, run, begin)
            run.next = end
            if stream in bus.STREAMS:
                self.sink.output(execution, node, bus.STREAMS[stream], begin, when, content)
        run.wanted = max(run.wanted, run.next)

    def lose(self, execution, node, run, end):
        self.sink.lost(execution, node, run.next, end)
        run.next = end

    def settle(self, execution, node, run):
        """Takes what has waited and now fits, and tells the end once all that came before it is told."""
        for position in sorted(run.held):
            if position > run.next:
                break
            piece = run.let_go(position)
            self.take_records(execution, node, run, piece.records, piece.position)
        if run.next < run.wanted:
            return self.miss(execution, node, run)
        run.due, run.pause = None, 0.2
        if run.final and not run.is_over:
            run.state, run.is_over = run.final["state"], True
            self.sink.state(execution, node, run.final)
            if all(run.is_over for run in self.runs[execution].values()):
                self.sweep_at = min(self.sweep_at, time.monotonic() + self.GRACE_SECONDS)

    def miss(self, execution, node, run):
        if self.gateway is None:
            if run.held:
                self.lose(execution, node, run, min(run.held))
                return self.settle(execution, node, run)
            # Slices after the end was told come within a moment or not at all.
            if run.due is None:
                run.due = time.monotonic() + self.GRACE_SECONDS
            return
        if run.due is None:
            run.due = time.monotonic() + (0 if run.held else self.GRACE_SECONDS)

    # What the gateway knows

    def work(self):
        """Does what is due; called now and then. False where the execution that alone was asked for is over."""
        now = time.monotonic()
        for execution in list(self.runs):
            for node, run in self.runs[execution].items():
                if run.due is not None and now >= run.due:
                    self.fill(execution, node, run)
        if self.gateway and now >= self.sweep_at:
            self.sweep_at = now + self.SWEEP_SECONDS
            self.asking(self.sweep)
        return not (self.only and self.only in self.done)

    def fill(self, execution, node, run):
        run.due = None
        if self.gateway is None:
            self.lose(execution, node, run, run.wanted)
            return self.settle(execution, node, run)
        before = run.next
        self.asking(self.read, execution, node, run)
        if run.next < run.wanted:
            # The gateway is behind us: it is asking the node itself.
            run.pause = 0.2 if run.next > before else min(run.pause * 2, 5)
            run.due = time.monotonic() + run.pause

    def read(self, execution, node, run):
        try:
            for begin, end, data in self.gateway.entries(execution, node, run.next):
                if data is None:
                    if end > run.next:
                        self.lose(execution, node, run, end)
                else:
                    self.hand_on(execution, node, run, data, begin)
        except api.Refused as error:
            if error.status != 404:
                raise
            # Another gateway's execution: what is missing cannot be had from this one.
            self.lose(execution, node, run, min(run.held, default=run.wanted))
        self.settle(execution, node, run)

    def sweep(self):
        """Looks at every execution that is not done, and at those made since we first came."""
        for execution, made in self.unfinished():
            try:
                view = self.gateway.get(f"executions/{execution}")
            except api.Refused as error:
                if error.status != 404:
                    raise
                # Another gateway's: what the bus brings is all there is.
                if all(run.is_over for run in self.runs.get(execution, {}).values()):
                    self.forget([execution])
                continue
            for run in view["runs"]:
                self.take_state(execution, run["node"], run)
            over = [self.runs.get(execution, {}).get(run["node"]) for run in view["runs"]]
            if view["complete"] and all(run and run.is_over for run in over):
                self.forget([execution], made)
        self.is_first = False

    def unfinished(self):
        if self.only:
            return [(self.only, self.gateway.get(f"executions/{self.only}")["created"])]
        found, before = dict.fromkeys(self.runs), ""
        while True:
            page = self.gateway.get(f"executions?limit=200{before}" + ("&active=true" if self.is_first else ""))
            for one in page["executions"]:
                wanted = one["created"] >= self.since or not one["complete"] or one["execution"] in self.runs
                if wanted and one["execution"] not in self.done:
                    found[one["execution"]] = one["created"]
            if len(page["executions"]) < 200 or page["executions"][-1]["created"] < self.since:
                return list(found.items())
            before = "&before=" + page["executions"][-1]["execution"]

    def asking(self, work, *arguments):
        """Whatever the gateway's trouble is, it is told once, and tried again later."""
        try:
            work(*arguments)
            self.trouble = None
        except (OSError, http.client.HTTPException, api.Refused, ValueError) as error:
            if str(error) != self.trouble:
                self.trouble = str(error)
                self.say(f"the gateway {self.gateway.url}: {error}")


def load(path):
    try:
        with open(path) as file:
            return json.load(file)
    except FileNotFoundError:
        return None


def store(path, value):
    """Replaces the file; a crash leaves the old one or the new one."""
    with open(path + ".new", "w") as file:
        json.dump(value, file)
        file.flush()
        os.fsync(file.fileno())
    os.replace(path + ".new", path)
