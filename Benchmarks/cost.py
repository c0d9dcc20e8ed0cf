"""M11: what a node costs as nodes grow: CPU seconds of broker and gateway, and bytes on the wire, for each node.

Runs in a network namespace of its own, whose loopback counts the bytes of nobody else (needs root). At each size: an idle while, then
`seq 10` on all nodes some times; what idling costs meanwhile is taken off. Writes docs/pictures/cost.csv and draws cost.svg from it
(`python3 Benchmarks/cost.py draw` draws again)."""
import csv, os, pathlib, shutil, subprocess, sys, time

import drawing

# Nodes and how often the command runs: some thousand runs of a node each. Two cores carry no more; others by argument.
SIZES = {10: 60, 100: 20, 1000: 4, 2000: 3}
IDLE_SECONDS = 10
GROWTH = 1.5
FOLDER = pathlib.Path(__file__).resolve().parent.parent / "docs" / "pictures"
COLUMNS = ["nodes", "cpu_ms", "bytes", "idle_cpu_us", "idle_bytes"]
INSIDE = "ESTIBA_BENCH_NAMESPACE"


def wire_bytes():
    for line in pathlib.Path("/proc/net/dev").read_text().splitlines():
        if line.strip().startswith("lo:"):
            return int(line.split(":")[1].split()[0])
    raise RuntimeError("no loopback")


class Meter:
    """CPU seconds and bytes from here on."""

    def __init__(self, crowd):
        self.crowd = crowd
        self.cpu, self.bytes, self.start = crowd.cpu(), wire_bytes(), time.monotonic()

    def read(self):
        return self.crowd.cpu() - self.cpu, wire_bytes() - self.bytes, time.monotonic() - self.start


def reading(count, times):
    """One row: CPU milliseconds and bytes of one command for each node; CPU microseconds and bytes a second of an idle node."""
    from crowd import Crowd
    from estiba import Up
    with Up(1) as up, Crowd(up, count) as crowd:
        crowd.run("seq", "10")
        crowd.quiet()
        idle = Meter(crowd)
        time.sleep(IDLE_SECONDS)
        idle_cpu, idle_bytes, seconds = idle.read()
        idle_cpu, idle_bytes = idle_cpu / seconds, idle_bytes / seconds
        work = Meter(crowd)
        for _ in range(times):
            _, lines = crowd.run("seq", "10")
            assert len(lines) == 10 * count, len(lines)
        cpu, sent, seconds = work.read()
    runs = times * count
    return dict(nodes=count, cpu_ms=(cpu - idle_cpu * seconds) / runs * 1e3, bytes=(sent - idle_bytes * seconds) / runs,
                idle_cpu_us=idle_cpu / count * 1e6, idle_bytes=idle_bytes / count)


def growth(rows, column):
    """What a node costs among the most nodes, by what it costs among a hundred."""
    by_size = {row["nodes"]: row[column] for row in rows}
    few = by_size.get(100, rows[0][column])
    return rows[-1][column] / few if few else float("inf")


def draw():
    with open(FOLDER / "cost.csv") as source:
        rows = [{column: float(value) for column, value in row.items()} for row in csv.DictReader(source)]
    panels = [("CPU of broker and gateway for a command, ms a node", "cpu_ms"), ("Bytes on the wire for a command, a node", "bytes"),
              ("CPU of broker and gateway while idle, µs a node and second", "idle_cpu_us"),
              ("Bytes on the wire while idle, a node and second", "idle_bytes")]
    (FOLDER / "cost.svg").write_text(drawing.panels(
        "What a node costs among how many", [(title, [(row["nodes"], row[column]) for row in rows]) for title, column in panels],
        bar=(100, GROWTH)))


def measure_here(row, sizes):
    rows = []
    for count, times in sizes.items():
        try:
            rows.append(reading(count, times))
        except (AssertionError, RuntimeError, subprocess.TimeoutExpired) as error:
            # More than this machine's cores carry, with the nodes on them too.
            print(f"(M11 among {count:,} left out: {type(error).__name__} {str(error)[:200]})", flush=True)
    if sizes == SIZES:
        with open(FOLDER / "cost.csv", "w") as out:
            table = csv.DictWriter(out, COLUMNS, lineterminator="\n")
            table.writeheader()
            table.writerows({column: f"{value:.4g}" if column != "nodes" else value for column, value in each.items()} for each in rows)
        draw()
    each = " · ".join(f"{each['nodes']:,}: {each['cpu_ms']:.2f} ms, {each['bytes']:,.0f} B, idle {each['idle_cpu_us']:.0f} µs/s, "
                      f"{each['idle_bytes']:,.0f} B/s" for each in rows)
    grown = {column: growth(rows, column) for column in COLUMNS[1:]}
    met = all(value <= GROWTH for value in grown.values())
    row(f"| M11 cost of a node for `seq 10` | {each} | | {rows[-1]['nodes']:,} by 100 nodes <= {GROWTH}: CPU {grown['cpu_ms']:.2f}, "
        f"bytes {grown['bytes']:.2f}; idle CPU {grown['idle_cpu_us']:.2f}, bytes {grown['idle_bytes']:.2f} | {'met' if met else 'missed'} |")


def measure(row, sizes=None):
    """Once more in a network namespace, and there in earnest."""
    if os.geteuid() != 0 or not shutil.which("unshare") or not shutil.which("ip"):
        return print("(M11 left out: it counts bytes in a network namespace of its own, which needs root, unshare and ip)", flush=True)
    words = [sys.executable, os.path.abspath(__file__), *map(str, sizes or [])]
    done = subprocess.Popen(["unshare", "--net", "sh", "-c", 'ip link set lo up && exec "$@"', "sh", *words], text=True,
                            stdout=subprocess.PIPE, env=dict(os.environ, **{INSIDE: "1"}))
    try:
        for line in done.stdout:
            row(line.rstrip())
        if done.wait() != 0:
            raise RuntimeError(f"ended with {done.returncode}")
    finally:
        if done.poll() is None:
            done.terminate()
            done.wait(60)


if __name__ == "__main__":
    if sys.argv[1:] == ["draw"]:
        draw()
    elif os.environ.get(INSIDE):
        wanted = [int(word) for word in sys.argv[1:]]
        measure_here(lambda text: print(text, flush=True), {size: SIZES.get(size, 3) for size in wanted} or SIZES)
    else:
        measure(lambda text: print(text, flush=True), sys.argv[1:])
