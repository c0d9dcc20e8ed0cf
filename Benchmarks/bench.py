#!/usr/bin/env python3
"""make bench: the same work by Estiba and by its peers, in the same run, medians of several. Judges nothing: prints a table.

ESTIBA_BUILD names the folder with the release programs (default .build/release); `bench.py M1 M10` runs only those. What cannot be
measured here is said and left out; nothing fails by a time. docs/benchmarks.md says how each is measured."""
import os, pathlib, shutil, statistics, subprocess, sys, time, traceback

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import cost, files, frozen, idle, lane, people, scale, sockets, watched
from estiba import Up
from peers import HOSTS, Salt, Ssh

RUNS = int(os.environ.get("ESTIBA_BENCH_RUNS", "5"))
TEN = "node[1-10]"


def seconds(command, runs=RUNS, environment=None):
    """The median of several runs after one to warm up, or None; output goes to a file, as a user's would."""
    if shutil.which(command[0]) is None:
        return None
    times = []
    for run in range(runs + 1):
        with open("/tmp/estiba-bench-out", "wb") as out:
            start = time.perf_counter()
            done = subprocess.run(command, stdout=out, stderr=subprocess.DEVNULL, env=environment)
            elapsed = time.perf_counter() - start
        if done.returncode != 0:
            return None
        if run > 0:
            times.append(elapsed)
    return statistics.median(times)


def lines():
    with open("/tmp/estiba-bench-out", "rb") as out:
        return sum(chunk.count(b"\n") for chunk in iter(lambda: out.read(1 << 20), b""))


def show(value):
    return "-" if value is None else f"{value:.3f} s"


def row(name, ours, peers, bar, met):
    others = " · ".join(f"{peer} {show(value)}" for peer, value in peers.items())
    print(f"| {name} | {show(ours)} | {others} | {bar} | {'met' if met else 'missed'} |", flush=True)


def within(ours, theirs, share=1):
    return ours is not None and theirs is not None and ours <= theirs / share


def best(peers):
    return min((value for value in peers.values() if value is not None), default=float("inf"))


def tell(text):
    print(text, flush=True)


# What is measured together; each alone by its name.
PARTS = [
    ({"M1", "M2", "M3"}, lambda wanted: with_peers(wanted)),
    ({"M4"}, lambda wanted: files.measure(tell, show, min(RUNS, 3))),
    ({"M5"}, lambda wanted: scale.measure(tell, RUNS)),
    ({"M6", "M8"}, lambda wanted: sockets.measure(tell, RUNS, wanted)),
    ({"M7"}, lambda wanted: lane.measure(tell, RUNS)),
    ({"M9"}, lambda wanted: frozen.measure(tell, RUNS)),
    ({"M10"}, lambda wanted: idle.measure(row_text=tell)),
    ({"M11"}, lambda wanted: cost.measure(tell)),
    ({"M12"}, lambda wanted: people.measure(tell)),
    ({"M13"}, lambda wanted: watched.measure(tell)),
]


def main():
    wanted = set(sys.argv[1:]) or set().union(*(names for names, _ in PARTS))
    tell("| what | Estiba | peers | bar | |\n|---|---|---|---|---|")
    for names, measure in PARTS:
        if wanted & names:
            try:
                measure(wanted)
            except Exception:
                # One that cannot be measured must not take the others with it.
                traceback.print_exc()
                tell(f"| {', '.join(sorted(wanted & names))} | could not be measured: see above | | | |")


def with_peers(wanted):
    with Up(10) as up:
        compare(up, wanted)


def compare(up, wanted):
    ssh = Ssh()
    environment = ssh.environment
    try:
        if "M1" in wanted:
            ours = seconds(up.command("run", "-n", TEN, "--", "true"), environment=up.env)
            peers = {
                "clush": seconds(ssh.clush(HOSTS, "true")),
                "pdsh": seconds(ssh.pdsh(HOSTS, "true"), environment=environment), "salt": salt_seconds()}
            row("M1 `true` on 10 nodes", ours, peers, f"<= 1/20 of {best(peers):.2f} s = {best(peers) / 20:.3f} s",
                within(ours, best(peers), 20))
        if "M2" in wanted:
            peers = {"ssh": seconds(ssh.ssh("seq 1000000")),
                     "pdsh": seconds(ssh.pdsh(HOSTS[:1], "seq 1000000"), environment=environment)}
            ours = seconds(up.command("run", "-n", "node1", "--raw", "--", "seq", "1000000"), environment=up.env)
            assert lines() == 1_000_000, lines()
            row("M2 one node `seq 1000000`", ours, peers, "<= ssh, <= 1/4 of pdsh",
                within(ours, peers["ssh"]) and within(ours, peers["pdsh"], 4))
        if "M3" in wanted:
            peers = {"pdsh": seconds(ssh.pdsh(HOSTS, "seq 100000"), environment=environment),
                     "clush": seconds(ssh.clush(HOSTS, "seq 100000"), runs=1)}
            ours = seconds(up.command("run", "-n", TEN, "--", "seq", "100000"), environment=up.env)
            assert lines() == 1_000_000, lines()
            row("M3 ten nodes `seq 100000`", ours, peers, "<= 1/4 of pdsh", within(ours, peers["pdsh"], 4))
    finally:
        ssh.close()


def salt_seconds():
    """Salt's own time; its master and minions are there only meanwhile."""
    try:
        salt = Salt()
    except (FileNotFoundError, RuntimeError) as error:
        print(f"(Salt left out: {error})", file=sys.stderr)
        return None
    try:
        # Its command line reads a bare `true` as a boolean.
        return seconds(salt.salt("/bin/true"), runs=3)
    finally:
        salt.close()


if __name__ == "__main__":
    main()
