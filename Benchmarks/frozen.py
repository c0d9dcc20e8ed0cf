"""M9: `yes` on 20 nodes and readers that never read: what broker and gateway hold for them, and what the others notice.

Two questions. With `yes` on every node, followed by a WebSocket that never reads: how much memory do broker and gateway gain, and how
old are the lines of a quiet run of another node at a WebSocket that reads? And with a steady 10 MB/s instead: how much older are those
lines while a WebSocket that never reads and a stopped subscriber of all output are there than while they are not, in pairs?

The 20 nodes stand for 20 other machines: their workers, supervisors and commands have the lowest priority, since they would take every
core for themselves."""
import os, pathlib, re, shutil, signal, statistics, subprocess, tempfile, time

from estiba import Up
from files import Growth
from idle import supervisors
from lane import Keys, compiled
from sockets import Client, Ours
from web import live, text_frame

NODES = 20
FLOOD_SECONDS = 10
MOST_GROWTH = 64
# The quiet run: a line each 5 ms.
LINES, INTERVAL = 1000, 5_000_000
# The steady flow: 10,000 lines of 1,000 bytes a second.
STEADY = "100000 1000"


class Deaf:
    """A WebSocket that follows an execution and never reads."""

    def __init__(self, up, execution):
        self.link, self.file = live(up.info["url"], up.info["token"], receive_buffer=4096)
        self.link.sendall(text_frame({"type": "follow", "id": 1, "execution": execution}))

    def close(self):
        self.file.close()
        self.link.close()


class Stopped:
    """A subscriber of all output whose process is stopped once it has had a message."""

    def __init__(self, up, folder):
        self.keys = Keys(f"{folder}/frozen-{time.monotonic_ns()}.key")
        with open(f"{up.data}/registry", "a") as registry:
            registry.write(f"service:frozen{time.monotonic_ns()} {self.keys.public} grants=output/\n")
        # libzmq does not try again with a key that was refused: the broker has to have read of it.
        time.sleep(3)
        port = int(re.search(r'^port: "(\d+)"', pathlib.Path(f"{up.data}/broker.yaml").read_text(), re.M).group(1))
        server = re.search(r"^public (\w+)", pathlib.Path(f"{up.data}/keys/broker.key").read_text(), re.M).group(1)
        self.process = subprocess.Popen(
            [f"{folder}/frozen", str(port + 3), server, self.keys.public, self.keys.secret], stdout=subprocess.PIPE, text=True)

    def wait(self):
        if self.process.stdout.readline() != "ready\n":
            raise RuntimeError("the frozen subscriber got nothing")

    def close(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


class Bench:
    def __init__(self, up, folder):
        self.up, self.folder = up, folder
        self.ours = Ours(up, folder, node=f"node{NODES + 1}")
        self.web = self.ours.web

    def start(self, nodes, *command):
        execution = self.web.submit({"nodes": nodes, "kind": "run", "command": {"arguments": list(command)}})
        self.web.until(execution, lambda view: all(run["state"] == "running" for run in view["runs"]))
        return execution

    def stop(self, execution):
        self.web.ask("POST", f"executions/{execution}/stop", {"graceMilliseconds": 1000})
        self.web.until(execution, lambda view: all(run["terminal"] for run in view["runs"]))

    def quiet_ages(self):
        """p50 and p99 of the age of the quiet run's lines, in milliseconds."""
        return self.ours.ages(LINES, INTERVAL)[:2]


def autogroup(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/autogroup").read_text().split()[0]
    except (OSError, IndexError):
        return None


def yield_to_others(pids, ours=None):
    """The lowest priority for all threads of these processes, and what they start.

    Linux gives each session its share of the processors before it looks at priorities within it (sched(7), autogroup): sessions
    other than the one of `ours` get the lowest too."""
    kept = autogroup(ours)
    for pid in pids:
        try:
            if kept and autogroup(pid) != kept:
                pathlib.Path(f"/proc/{pid}/autogroup").write_text("19")
            for thread in os.listdir(f"/proc/{pid}/task"):
                os.setpriority(os.PRIO_PROCESS, int(thread), 19)
        except (OSError, ProcessLookupError):
            continue


def children(pid):
    try:
        return [int(child) for child in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def flood(bench, row):
    nodes = [f"node{number}" for number in range(1, NODES + 1)]
    pids = [bench.up.info["pids"][part] for part in ("broker", "gateway")]
    alone = bench.quiet_ages()
    growths = [Growth(pid) for pid in pids]
    yield_to_others([bench.up.info["pids"][node] for node in nodes], ours=pids[0])
    before = set(supervisors())
    execution = bench.start(nodes, "nice", "-n", "19", "yes")
    started = set(supervisors()) - before
    yield_to_others(started | {child for pid in started for child in children(pid)}, ours=pids[0])
    deaf = Deaf(bench.up, execution)
    try:
        start = time.monotonic()
        ages = [bench.quiet_ages()]
        while time.monotonic() - start < FLOOD_SECONDS:
            ages.append(bench.quiet_ages())
        seconds = time.monotonic() - start
    finally:
        deaf.close()
        bench.stop(execution)
    broker, gateway = (growth.end() for growth in growths)
    p50, p99 = (statistics.median(column) for column in zip(*ages))
    met = max(broker, gateway) <= MOST_GROWTH and p99 < 100
    copied = sum(run["copied"] for run in bench.web.json("GET", f"executions/{execution}")["runs"])
    row(f"| M9 `yes` on {NODES} nodes, a WebSocket that never reads | broker + {broker:.0f} MiB, gateway + {gateway:.0f} MiB; another's lines "
        f"p50 {p50:.1f} ms, p99 {p99:.1f} ms (before: {alone[1]:.1f} ms); {copied / seconds / 1e6:,.0f} MB/s taken or let go of | | "
        f"<= 64 MiB each, p99 < 100 ms | {'met' if met else 'missed'} |")


def others(bench, row, runs):
    pairs = []
    execution = bench.start(["node2"], f"{bench.folder}/stamps", "100000000", *STEADY.split())
    try:
        for run in range(runs + 1):
            without = bench.quiet_ages()
            frozen = Stopped(bench.up, bench.folder)
            deaf = Deaf(bench.up, execution)
            try:
                frozen.wait()
                time.sleep(1)  # 10 MB fill every buffer on the way
                with_them = bench.quiet_ages()
            finally:
                deaf.close()
                frozen.close()
            if run:
                pairs.append((without, with_them))
    finally:
        bench.stop(execution)
    before, after = (statistics.median(pair[side][1] for pair in pairs) for side in (0, 1))
    ratio = statistics.median(after[1] / before[1] for before, after in pairs)
    row(f"| M9 a stopped subscriber and a WebSocket that never reads, 10 MB/s | another's lines p99 {after:.1f} ms, without them {before:.1f} ms | "
        f"| <= 1.2: {ratio:.2f} | {'met' if ratio <= 1.2 else 'missed'} |")


def measure(row, runs):
    if shutil.which("cc") is None or not os.path.exists("/usr/include/zmq.h"):
        return print("(M9 left out: a C compiler and libzmq3-dev are needed)", flush=True)
    folder = tempfile.mkdtemp(prefix="estiba-bench-frozen-")
    pathlib.Path(folder).chmod(0o755)
    try:
        compiled(folder, "frozen", "stamps", "wslatency")
        with Up(NODES + 1) as up:
            bench = Bench(up, folder)
            others(bench, row, runs)
            flood(bench, row)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    measure(lambda text: print(text, flush=True), int(os.environ.get("ESTIBA_BENCH_RUNS", "5")))
