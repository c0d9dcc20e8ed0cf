"""M5: thousands of simulated nodes: one order to all of them, and all of them back after the broker was killed.

The nodes are `estiba swarm`: real links, tickets and slices, played commands. They run on the same cores, which the row says by their
share of the CPU time. Commands and output are back when a run that was submitted in the moment of the kill has every line of every node."""
import os, signal, statistics, time

from crowd import Crowd
from estiba import Up
from files import Growth

SIZES = [2000, 5000]
BACK_SECONDS = {2000: 15, 5000: 30}
LINES = 3


def whole(lines, count):
    wanted = sorted(f"swarm{node}: {line}" for node in range(1, count + 1) for line in range(1, LINES + 1))
    if sorted(lines) != wanted:
        raise RuntimeError(f"{len(lines)} lines of {len(wanted)} came back")


def orders(crowd, runs):
    """Medians over some runs: the command line's seconds, the gateway's, the CPU seconds of broker and gateway, of the swarm."""
    readings = []
    for run in range(runs + 1):
        before, swarm = crowd.cpu(), crowd.swarm_cpu()
        elapsed, _ = crowd.run("true")
        if run:
            readings.append((elapsed, crowd.settled(), crowd.cpu() - before, crowd.swarm_cpu() - swarm))
    return [statistics.median(column) for column in zip(*readings)]


def back(crowd):
    """Seconds from the broker's kill until every line of a run on all nodes is there."""
    start = time.perf_counter()
    os.kill(crowd.pid("broker"), signal.SIGKILL)
    _, lines = crowd.run("seq", str(LINES))
    elapsed = time.perf_counter() - start
    whole(lines, crowd.count)
    return elapsed


def measure(row, runs, sizes=SIZES):
    for count in sizes:
        with Up(1) as up, Crowd(up, count) as crowd:
            crowd.quiet()
            broker, gateway = (Growth(lambda part=part: crowd.pid(part)) for part in ("broker", "gateway"))
            seconds, settled, cpu, swarm_cpu = orders(crowd, min(runs, 3))
            returned = []
            for _ in range(min(runs, 3)):
                returned.append(back(crowd))
                crowd.wait_for_all()
                crowd.quiet()
            for growth in (broker, gateway):
                growth.end()
            most, of_gateway = broker.most / 1024, gateway.most / 1024
        limit = BACK_SECONDS.get(count, 30)
        met = (seconds < 1 or count < 5000) and most * 1.048576 <= 350 and max(returned) < limit
        row(f"| M5 {count:,} simulated nodes | `true` on all {seconds:.2f} s (last exit {settled:.2f} s after acceptance; CPU {cpu:.2f} s, "
            f"the nodes' own {swarm_cpu:.2f} s), back after a broker's kill {statistics.median(returned):.1f} s (most {max(returned):.1f} s), "
            f"broker {most:.0f} MiB, gateway {of_gateway:.0f} MiB | | {'< 1 s, ' if count >= 5000 else ''}<= 350 MB, < {limit} s | "
            f"{'met' if met else 'missed'} |")


if __name__ == "__main__":
    import sys
    measure(lambda text: print(text, flush=True), int(os.environ.get("ESTIBA_BENCH_RUNS", "5")),
            [int(word) for word in sys.argv[1:]] or SIZES)
