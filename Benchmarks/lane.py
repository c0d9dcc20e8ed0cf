"""M7: the broker's output lane (CURVE, sender check) against libzmq's zmq_proxy in C (CURVE), the same load on both, in pairs."""
import os, pathlib, shutil, socket, statistics, subprocess, tempfile, time

from estiba import BUILD
from idle import cpu_seconds

SOURCE = pathlib.Path(__file__).resolve().parent / "c"
# Messages of a reading: about half a second.
LOADS = [(128, 1, 120_000), (1024, 1, 100_000), (16384, 1, 20_000), (128, 20, 10_000), (1024, 20, 8_000), (16384, 20, 1_500)]


def compiled(folder, *names, libraries=("-lzmq", "-lpthread")):
    """C programs of this folder, compiled into `folder`."""
    for name in names:
        subprocess.run(["cc", "-O2", "-Wall", "-Werror", "-o", f"{folder}/{name}", SOURCE / f"{name}.c", *libraries], check=True)


def free_ports(count):
    """The first of `count` ports in a row that are free now."""
    while True:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            first = probe.getsockname()[1]
        try:
            for port in range(first, first + count):
                with socket.socket() as each:
                    each.bind(("127.0.0.1", port))
            return first
        except (OSError, OverflowError):
            continue


class Keys:
    def __init__(self, path):
        subprocess.run([f"{BUILD}/estiba", "keys", "new", path], check=True, capture_output=True)
        words = pathlib.Path(path).read_text().split()
        self.path, self.public, self.secret = path, words[words.index("public") + 1], words[words.index("secret") + 1]


class Pair:
    """A broker and a zmq_proxy, both running, and the load that goes to one of them."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="estiba-bench-lane-")
        compiled(self.folder, "load", "proxy")
        self.server, self.node, self.reader = (Keys(f"{self.folder}/{name}.key") for name in ["server", "node", "reader"])
        base, self.proxy_port = free_ports(5), free_ports(2)
        with open(f"{self.folder}/registry", "w") as out:
            out.write(f"node:n1 {self.node.public}\nservice:reader {self.reader.public} grants=output/\n")
        with open(f"{self.folder}/broker.yaml", "w") as out:
            out.write(f"port: {base}\nkey: server.key\nregistry: registry\n")
        self.ports = {"broker": (base + 2, base + 3), "proxy": (self.proxy_port, self.proxy_port + 1)}
        self.processes = {
            "broker": subprocess.Popen([f"{BUILD}/estiba-broker", "--config", f"{self.folder}/broker.yaml"],
                                       stderr=subprocess.DEVNULL),
            "proxy": subprocess.Popen([f"{self.folder}/proxy", str(self.proxy_port), str(self.proxy_port + 1),
                                       self.server.secret, self.node.public, self.reader.public], stdout=subprocess.DEVNULL)}

    def reading(self, which, size, subscribers, count):
        """Messages a second to all of them, and the forwarder's CPU seconds for a million."""
        pid = self.processes[which].pid
        before = cpu_seconds(pid)
        done = subprocess.run(
            [f"{self.folder}/load", *map(str, self.ports[which]), self.server.public, self.node.public, self.node.secret,
             self.reader.public, self.reader.secret, str(size), str(subscribers), str(count)],
            capture_output=True, text=True, timeout=60, check=True)
        return count / float(done.stdout), (cpu_seconds(pid) - before) / count * 1e6

    def close(self):
        for process in self.processes.values():
            process.terminate()
            process.wait(15)
        shutil.rmtree(self.folder, ignore_errors=True)


def measure(row, runs):
    if shutil.which("cc") is None or not os.path.exists("/usr/include/zmq.h"):
        return print("(M7 left out: a C compiler and libzmq3-dev are needed)", flush=True)
    pair = Pair()
    try:
        for size, subscribers, count in LOADS:
            readings = {"broker": [], "proxy": []}
            for run in range(runs + 1):
                for which in ["broker", "proxy"] if run % 2 else ["proxy", "broker"]:
                    value = pair.reading(which, size, subscribers, count)
                    if run:
                        readings[which].append(value)
            ratio = statistics.median(ours[0] / theirs[0] for ours, theirs in zip(readings["broker"], readings["proxy"]))
            (ours, our_cpu), (theirs, their_cpu) = (
                [statistics.median(column) for column in zip(*readings[which])] for which in ["broker", "proxy"])
            row(f"| M7 {size} B to {subscribers} | {ours:,.0f}/s, {our_cpu:.1f} µs CPU | zmq_proxy {theirs:,.0f}/s, {their_cpu:.1f} µs | "
                f">= 0.9: {ratio:.2f} | {'met' if ratio >= 0.9 else 'missed'} |")
    finally:
        pair.close()


if __name__ == "__main__":
    measure(lambda text: print(text, flush=True), int(os.environ.get("ESTIBA_BENCH_RUNS", "5")))
