"""M13: what the figures of 20 nodes cost while one page watches them all, once a second."""
import time

from estiba import Up
from idle import cpu_seconds
from people import Socket

NODES = 20
SECONDS = 30


def measure(tell):
    with Up(NODES) as up:
        nodes = [f"node{number}" for number in range(1, NODES + 1)]
        workers = [up.info["pids"][node] for node in nodes]
        live = Socket(up.info["url"], up.info["token"])
        try:
            live.send({"type": "watch-status", "id": 1, "nodes": nodes, "milliseconds": 1000})
            time.sleep(5)
            parts = [*workers, up.info["pids"]["gateway"], up.info["pids"]["broker"]]
            before, figures, start = [cpu_seconds(pid) for pid in parts], live.figures, time.monotonic()
            time.sleep(SECONDS)
            elapsed, came = time.monotonic() - start, live.figures - figures
        finally:
            live.close()
        shares = [100 * (cpu_seconds(pid) - earlier) / elapsed for pid, earlier in zip(parts, before)]
        of_workers, gateway, broker = shares[:NODES], shares[NODES], shares[NODES + 1]
        met = max(of_workers) < 1 and gateway < 5 and came >= NODES * SECONDS * 0.9
        tell(f"| M13 20 nodes watched once a second, {came / elapsed:.1f} figures/s | worker {sum(of_workers) / NODES:.2f} % of a core "
             f"(most {max(of_workers):.2f} %), gateway {gateway:.2f} %, broker {broker:.2f} % | | < 1 %, < 5 % | {'met' if met else 'missed'} |")
