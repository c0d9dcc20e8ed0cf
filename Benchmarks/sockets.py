"""M6 and M8: output at WebSockets, its age and its amount; the amount beside NATS with its own WebSocket port, the same client."""
import os, pathlib, secrets, shutil, statistics, subprocess, tempfile, urllib.parse

from estiba import Up
from files import touched
from lane import compiled, free_ports
from web import Web

NATS = shutil.which("nats-server") or "/usr/sbin/nats-server"
LINE = 100
# Lines of a reading: one to three seconds.
COUNTS = {1: 1_000_000, 100: 60_000}


class Client:
    """One of the C programs that listen: it says `ready`, and at the end what it measured."""

    def __init__(self, *command):
        self.process = subprocess.Popen(list(map(str, command)), stdout=subprocess.PIPE, text=True)
        if self.process.stdout.readline() != "ready\n":
            self.process.wait(5)
            raise RuntimeError(f"{command[0]} did not come to follow")

    def result(self):
        words = self.process.stdout.readline().split()
        if self.process.wait(30) != 0 or not words:
            raise RuntimeError("a client ended without a result")
        return [float(word) for word in words]


class Ours:
    """Runs that wait for a file before they print, so that whoever shall see them can follow first."""

    def __init__(self, up, folder, node="node1"):
        self.up, self.folder, self.node = up, folder, node
        self.web = Web(up.info["url"], up.info["token"])
        self.port = urllib.parse.urlsplit(up.info["url"]).port

    def start(self, shell):
        go = f"{self.folder}/go-{secrets.token_hex(4)}"
        execution = self.web.submit({
            "nodes": [self.node], "kind": "run", "lossless": True,
            "command": {"arguments": ["sh", "-c", f"while [ ! -e {go} ]; do sleep 0.05; done; {shell}"]}})
        self.web.until(execution, lambda view: view["runs"][0]["state"] == "running")
        return execution, lambda: open(go, "w").close()

    def lines(self, sockets, count):
        """Lines a second to all sockets, from the first bytes there to the last."""
        execution, go = self.start(f"yes {'x' * (LINE - 1)} | head -n {count}")
        client = Client(f"{self.folder}/wscount", "estiba", self.port, self.up.info["token"], sockets, execution)
        go()
        seconds, _ = client.result()
        said = self.web.ask("GET", f"executions/{execution}/raw?node=node1&stream=stdout")
        assert len(said) == count * LINE and said.count(b"\n") == count, len(said)
        return sockets * count / seconds

    def ages(self, count, interval):
        """p50, p99 and most of the milliseconds from write(2) to the WebSocket message."""
        execution, go = self.start(f"exec {self.folder}/stamps {count} {interval}")
        client = Client(f"{self.folder}/wslatency", self.port, self.up.info["token"], execution)
        go()
        lines, *ages = client.result()
        assert lines == count, lines
        return ages


class Nats:
    def __init__(self, folder):
        self.folder = folder
        self.port = free_ports(2)
        with open(f"{folder}/nats.conf", "w") as out:
            out.write(f"listen: 127.0.0.1:{self.port}\nmax_pending: 2GB\nwrite_deadline: \"60s\"\n"
                      f"websocket {{ listen: \"127.0.0.1:{self.port + 1}\", no_tls: true }}\n")
        self.process = subprocess.Popen([NATS, "-c", f"{folder}/nats.conf"], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        for line in self.process.stderr:
            if "Server is ready" in line:
                return
        raise RuntimeError("nats-server did not start")

    def lines(self, sockets, count):
        message = len(f"MSG b 1 {LINE}\r\n\r\n") + LINE
        client = Client(f"{self.folder}/wscount", "nats", self.port + 1, "", sockets, count * message)
        subprocess.run([f"{self.folder}/natspub", str(self.port), str(count), str(LINE)], check=True, timeout=60)
        seconds, _ = client.result()
        return sockets * count / seconds

    def close(self):
        self.process.terminate()
        self.process.wait(10)
        self.process.stderr.close()


def measure(row, runs, wanted):
    if shutil.which("cc") is None:
        return print("(M6 and M8 left out: a C compiler is needed)", flush=True)
    folder = tempfile.mkdtemp(prefix="estiba-bench-sockets-")
    pathlib.Path(folder).chmod(0o755)
    try:
        compiled(folder, "wscount", "wslatency", "stamps", "natspub", libraries=())
        with Up(1) as up:
            ours = Ours(up, folder)
            if "M6" in wanted:
                ages(ours, row, runs)
            if "M8" in wanted:
                amounts(ours, folder, row, runs)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def ages(ours, row, runs):
    p50, p99, most = (statistics.median(column) for column in zip(*(ours.ages(50_000, 100_000) for _ in range(runs))))
    row(f"| M6 10,000 lines/s, write(2) to WebSocket | p50 {p50:.2f} ms, p99 {p99:.2f} ms, most {most:.1f} ms | | p50 < 3 ms, p99 < 20 ms | "
        f"{'met' if p50 < 3 and p99 < 20 else 'missed'} |")
    p50, p99, most = (statistics.median(column) for column in zip(*(ours.ages(100, 50_000_000) for _ in range(min(runs, 3)))))
    row(f"| M6 idle to one line | p50 {p50:.2f} ms, p99 {p99:.2f} ms, most {most:.1f} ms | | p99 < 10 ms | {'met' if p99 < 10 else 'missed'} |")


def amounts(ours, folder, row, runs):
    nats = Nats(folder) if os.path.exists(NATS) else None
    try:
        for sockets, count in COUNTS.items():
            pairs = []
            for run in range(runs + 1):
                touched()
                mine = ours.lines(sockets, count)
                touched()
                pair = (mine, nats.lines(sockets, count) if nats else float("nan"))
                if run:
                    pairs.append(pair)
            mine, theirs = (statistics.median(column) for column in zip(*pairs))
            ratio = statistics.median(ours / theirs for ours, theirs in pairs)
            row(f"| M8 100-byte lines to {sockets} WebSocket{'s, summed' if sockets > 1 else ''} | {mine:,.0f}/s | "
                + (f"NATS {theirs:,.0f}/s | >= 0.5: {ratio:.2f} | {'met' if ratio >= 0.5 else 'missed'} |" if nats
                   else "NATS - | >= 0.5 | not judged |"))
    finally:
        if nats:
            nats.close()


if __name__ == "__main__":
    import sys
    measure(lambda text: print(text, flush=True), int(os.environ.get("ESTIBA_BENCH_RUNS", "5")), set(sys.argv[1:]) or {"M6", "M8"})
