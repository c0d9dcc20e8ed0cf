"""What is asked for and when, out of a seed: an open loop, so that a gateway that hangs does not slow the questions down."""

import dataclasses
import random

NODES = ["node1", "node2", "node3"]
# How often each kind comes, of 100.
KINDS = {"true": 30, "code": 10, "lines": 16, "sleep": 14, "deploy": 8, "stop": 6, "parallel": 6, "conflict": 3, "cut": 7}


@dataclasses.dataclass(frozen=True)
class Operation:
    """One wish. `name` is part of the command, so that an execution can be known again by what it runs."""

    name: str
    at: float
    kind: str
    gateway: int
    nodes: tuple
    code: int = 0
    lines: int = 0
    seconds: float = 0
    # For stops: when it is wished after it was accepted. For cuts: how much of the request is sent.
    part: float = 0

    @property
    def key(self):
        return "chaos-" + self.name


def operations(seed, seconds, rate, gateways=1, nodes=NODES):
    """The operations of one run, in the order of their times."""
    dice = random.Random(f"generator {seed}")
    result, at = [], 0.0
    while True:
        at += dice.expovariate(rate)
        if at > seconds:
            return result
        kind = dice.choices(list(KINDS), list(KINDS.values()))[0]
        facts = {"gateway": dice.randrange(gateways), "nodes": some(dice, nodes)}
        if kind == "code":
            facts["code"] = dice.randint(1, 124)
        elif kind == "lines":
            facts["lines"] = dice.choice([3, 50, 500, 3000])
        elif kind == "sleep":
            facts["seconds"] = round(dice.uniform(0.1, 3), 2)
            facts["lines"] = dice.choice([0, 10])
        elif kind == "stop":
            facts["seconds"] = 45
            facts["part"] = dice.choice([0, dice.uniform(0, 1.5)])
        elif kind == "cut":
            facts["part"] = dice.choice([dice.random(), 1, 1])
        result.append(Operation(f"{seed}-{len(result)}", round(at, 4), kind, **facts))


def some(dice, nodes):
    """Mostly one node, now and then several."""
    count = dice.choices([1, 2, len(nodes)], [8, 1, 1])[0]
    return tuple(sorted(dice.sample(nodes, min(count, len(nodes)))))
