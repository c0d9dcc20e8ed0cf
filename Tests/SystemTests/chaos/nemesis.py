"""What is done to the parts and when, out of a seed. `plan` decides; `Nemesis` does it to an installation."""

import dataclasses
import random
import threading
import time

ROLES = ["broker", "worker", "gateway"]


@dataclasses.dataclass(frozen=True)
class Fault:
    at: float
    what: str
    target: str
    seconds: float = 0


def plan(seed, seconds, kills, parts, links=(), others=("pause", "terminate"), supervisors=0, disks=(), roles=ROLES):
    """`kills` times SIGKILL, spread over the roles, and beside them the other faults, about half as many.

    `parts` is {role: [names]}; `links` are the relays' names; `disks` the file systems that can be filled."""
    dice = random.Random(f"nemesis {seed}")
    faults = []
    for number in range(kills):
        role = roles[number % len(roles)]
        faults.append(Fault(dice.uniform(0.5, seconds), "kill", dice.choice(parts[role])))
    everyone = [name for role in roles for name in parts[role]]
    kinds = list(others) + (["delay", "lossy", "cut", "half-open"] if links else []) + (["full"] if disks else [])
    for _ in range(kills // 2 if kinds else 0):
        what = dice.choice(kinds)
        target = dice.choice(disks if what == "full" else list(links) if what not in others else everyone)
        faults.append(Fault(dice.uniform(0.5, seconds), what, target, dice.choice([0.3, 2, 4, 8, 15])))
    for _ in range(supervisors):
        faults.append(Fault(dice.uniform(0.5, seconds), "supervisor", "", dice.random()))
    return sorted(faults, key=lambda fault: fault.at)


class Nemesis:
    """`run()` does the plan from now on; when it returns, everything is healed."""

    def __init__(self, faults, installation, history):
        self.faults, self.installation, self.history = faults, installation, history
        self.undoing = []
        self.stopped = threading.Event()

    def run(self):
        began = time.monotonic()
        try:
            for fault in self.faults:
                self.wait(began + fault.at)
                if self.stopped.is_set():
                    break
                self.history.note("fault", fault=fault.what, target=fault.target, seconds=fault.seconds, **self.do(fault))
        finally:
            self.undo(float("inf"))

    def wait(self, until):
        while not self.stopped.is_set():
            due = min([until] + [at for at, _, _ in self.undoing])
            if self.stopped.wait(max(0, due - time.monotonic())):
                return
            self.undo(time.monotonic())
            if time.monotonic() >= until:
                return

    def undo(self, now):
        due = [each for each in self.undoing if each[0] <= now]
        self.undoing = [each for each in self.undoing if each[0] > now]
        for _, what, back in due:
            back()
            self.history.note("healed", fault=what)

    def do(self, fault):
        """Does it, and sees to it that it ends; says which process was hit."""
        there = self.installation
        if fault.what == "kill":
            return {"pid": there.kill(fault.target)}
        if fault.what == "terminate":
            return {"pid": there.terminate(fault.target)}
        if fault.what == "supervisor":
            return {"pid": there.kill_supervisor(fault.seconds)}
        if fault.what == "pause":
            pid = there.pause(fault.target)
            self.later(fault, lambda: there.resume(pid))
            return {"pid": pid}
        if fault.what == "full":
            there.fill(fault.target)
            self.later(fault, lambda: there.free(fault.target))
            return {}
        link = there.links[fault.target]
        link.become(fault.what)
        if fault.what != "cut":
            self.later(fault, lambda: link.become("pass"))
        return {}

    def later(self, fault, back):
        self.undoing.append((time.monotonic() + fault.seconds, fault.what, back))
