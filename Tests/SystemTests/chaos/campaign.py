"""One chaos run: a load and faults against an installation, then rest, then what the checker says of it."""

import collections
import json
import random
import threading
import time
import traceback

from chaos import checker, client, generator, history, nemesis

# After the faults everything must have come to rest within this.
REST_SECONDS = 120
# And output must flow again: dead connections are found within 10 s and made anew within 10 more.
LISTEN_SECONDS = 30


class Campaign:
    def __init__(self, installation, seed, seconds, rate, kills, **faults):
        self.installation, self.seed, self.seconds = installation, seed, seconds
        self.history = history.History()
        self.operations = generator.operations(
            seed, seconds, rate, len(installation.gateways), installation.parts["worker"])
        links = faults.pop("links", list(installation.links))
        self.faults = nemesis.plan(seed, seconds, kills, installation.parts, links, **faults)
        self.client = client.Client(installation.gateways, installation.ledger, self.history)
        self.evidence = None
        self.rest_seconds = None
        self.broken = []

    def run(self):
        """The violations."""
        faults = nemesis.Nemesis(self.faults, self.installation, self.history)
        hand = threading.Thread(target=self.guard, args=(faults.run,))
        watching = threading.Event()
        eye = threading.Thread(target=self.guard, args=(self.watch, watching))
        hand.start()
        eye.start()
        try:
            began = time.monotonic()
            for operation in self.operations:
                time.sleep(max(0, began + operation.at - time.monotonic()))
                self.client.start(operation)
            hand.join()
            # From now on nothing is in the way of an answer.
            self.client.until = time.monotonic() + 180
            missing = self.installation.missing()
            silent = self.listen()
            self.client.finish(60)
            self.ask_again()
        finally:
            faults.stopped.set()
            watching.set()
            hand.join()
            eye.join()
        healed = time.monotonic()
        self.rest()
        self.rest_seconds = time.monotonic() - healed
        self.evidence = self.gather(missing, silent)
        return checker.check(self.evidence) + self.broken

    def guard(self, work, *arguments):
        """A thread of the campaign that dies is a failure too: it would do or see nothing any more."""
        try:
            work(*arguments)
        except Exception:
            self.broken.append("the campaign itself: " + traceback.format_exc())

    def watch(self, over):
        """Looks at accepted executions again and again: what was once in a last state must stay in it."""
        dice = random.Random(f"eye {self.seed}")
        while not over.wait(0.05):
            event = self.history.one_of("answered", dice)
            if event is None or not event["execution"]:
                continue
            try:
                status, body = self.client.once(event["gateway"], "GET", f"executions/{event['execution']}")
                runs = json.loads(body)["runs"] if status == 200 else []
            except (OSError, client.http.client.HTTPException):
                continue
            for run in runs:
                if run["terminal"]:
                    self.history.note("seen", execution=event["execution"], node=run["node"], state=run["state"])

    def ask_again(self):
        """The same keys once more, after all the restarts: the same executions; another body is a conflict."""
        asked = {operation.name: operation for operation in self.operations if operation.kind in ("true", "code", "lines")}
        again = [asked[event["operation"]] for event in self.history.of("answered") if event["operation"] in asked][:20]
        self.client.until = time.monotonic() + 30
        for operation in again:
            try:
                self.client.ask(operation, self.client.request(operation))
                other = dict(self.client.request(operation), command={"arguments": ["true"]})
                self.client.ask(operation, other, what="conflict")
            except client.NoAnswer:
                pass

    def rest(self):
        """Until nothing is active any more at any gateway and each shows as much as the others, or the time is over."""
        end = time.monotonic() + REST_SECONDS
        while time.monotonic() < end:
            active = [self.client.get(number, "executions?active=true&limit=1")[1]
                      for number in range(len(self.installation.gateways))]
            if all(not json.loads(body)["executions"] for body in active):
                counts = {len(set(self.listed(number))) for number in range(len(self.installation.gateways))}
                if len(counts) == 1:
                    return
            time.sleep(0.2)

    def listen(self):
        """Where the output of a command that is running does not come any more: [(gateway, node)]."""
        nodes, silent = tuple(self.installation.parts["worker"]), []
        for gateway in range(len(self.installation.gateways)):
            probe = generator.Operation(f"{self.seed}-probe{gateway}", 0, "stop", gateway, nodes, lines=3, seconds=120)
            self.operations.append(probe)
            execution = self.client.ask(probe, self.client.request(probe))
            end = time.monotonic() + LISTEN_SECONDS
            while time.monotonic() < end:
                runs = json.loads(self.client.get(gateway, f"executions/{execution}")[1])["runs"]
                still = [run["node"] for run in runs if not run["copied"]]
                if not still:
                    break
                time.sleep(0.1)
            silent += [f"{run['node']} to gateway {gateway + 1} ({run['state']})" for run in runs if not run["copied"]]
            status, _ = self.client.patiently(probe, "POST", f"executions/{execution}/stop", '{"graceMilliseconds": 1000}')
            self.history.note("stop", operation=probe.name, execution=execution, status=status)
        return silent

    def gather(self, missing, silent):
        executions, outputs, shown = {}, {}, []
        names = self.installation.parts["gateway"]
        by_name = {operation.name: operation for operation in self.operations}
        for gateway in range(len(names)):
            shown.append(set(self.listed(gateway)))
            for id in shown[-1]:
                told = json.loads(self.client.get(gateway, f"executions/{id}")[1])
                execution = {
                    "operation": self.name(told), "gateway": names.index(told["owner"]) if len(names) > 1 else gateway,
                    "complete": told["complete"], "runs": told["runs"]}
                first = executions.setdefault(id, execution)
                self.same(f"{id} at gateway {gateway + 1}", self.essence(first), self.essence(execution))
                operation = by_name.get(self.name(told))
                if operation and operation.lines:
                    for run in told["runs"]:
                        for stream in ("stdout", "stderr"):
                            output = self.client.get(gateway, f"executions/{id}/raw?node={run['node']}&stream={stream}")[1]
                            self.same(
                                f"{stream} of {id} on {run['node']} at gateway {gateway + 1}",
                                outputs.setdefault((id, run["node"], stream), output), output)
        for gateway, ids in enumerate(shown):
            self.broken += [f"{id} is not shown at gateway {gateway + 1}" for id in executions.keys() - ids]
        return checker.Evidence(
            self.operations, self.history.events, self.installation.ledger.entries(), executions, outputs,
            self.installation.leftovers(), missing, silent, self.installation.crashes(),
            sum(bool(fault.get("pid")) for fault in self.history.of("fault") if fault["fault"] == "supervisor"))

    @staticmethod
    def essence(execution):
        """What has to be the same wherever it is looked at; how much is copied is each gateway's own."""
        runs = [{name: value for name, value in run.items() if name not in ("copied", "since", "awaySince")} for run in execution["runs"]]
        return dict(execution, runs=runs)

    def same(self, what, one, other):
        """Every gateway shows the same of everything."""
        if one != other:
            self.broken.append(f"{what} is another than at gateway 1: {str(one)[:300]} and {str(other)[:300]}")

    def listed(self, gateway):
        before = ""
        while True:
            page = json.loads(self.client.get(gateway, f"executions?limit=100{before}")[1])["executions"]
            yield from (each["execution"] for each in page)
            if not page:
                return
            before = f"&before={page[-1]['execution']}"

    @staticmethod
    def name(told):
        """The operation's name stands in its command, behind the ledger."""
        words = told["request"]["command"]["arguments"]
        return words[2] if len(words) > 2 else None

    # What is told of it

    def states(self):
        return collections.Counter(
            run["state"] for execution in self.evidence.executions.values() for run in execution["runs"])

    def said(self):
        done = collections.Counter(fault["fault"] for fault in self.history.of("fault"))
        states = ", ".join(f"{count} {state}" for state, count in self.states().most_common())
        faults = ", ".join(f"{count} {what}" for what, count in done.most_common())
        return (f"seed {self.seed}: {faults}; {len(self.operations)} submissions, {len(self.evidence.executions)} executions: "
                f"{states}; at rest after {self.rest_seconds:.1f} s")
