"""What a restart of the broker costs with many nodes: `storm.py NODES` prints it as JSON.

To be run in a network namespace of its own, where all connections that are counted are those of this installation."""

import json
import pathlib
import re
import signal
import subprocess
import sys
import threading
import time

import estiba

IN_NAMESPACE = ["unshare", "--net", "sh", "-c", "ip link set lo up && exec \"$0\" \"$@\""]


def can_measure():
    return subprocess.run([*IN_NAMESPACE, "true"], capture_output=True).returncode == 0


def measure(nodes):
    """Runs this file in a namespace and gives what it says."""
    done = subprocess.run(
        [*IN_NAMESPACE, sys.executable, __file__, str(nodes)], capture_output=True, text=True, timeout=300)
    if done.returncode != 0:
        raise AssertionError(done.stderr[-4000:])
    return json.loads(done.stdout.splitlines()[-1])


def public(up, name):
    return re.search(r"^public (\w+)", (up.folder / "keys" / f"{name}.key").read_text(), re.M).group(1)


def broker(up):
    port = re.search(r'^port: "(\d+)"', (up.folder / "broker.yaml").read_text(), re.M).group(1)
    return f"127.0.0.1:{port} {public(up, 'broker')}"


def sightings(up, prefix="swarm"):
    """Since when each node that is present was there, Unix milliseconds: when it said hello to the broker that says so."""
    nodes = up.http("GET", "nodes").json()["nodes"]
    return [node["since"] for node in nodes if node["present"] and node["name"].startswith(prefix)]


def present(up):
    return len(sightings(up))


def opened():
    """How many connections were begun in this namespace, those that failed too."""
    lines = [line.split() for line in pathlib.Path("/proc/self/net/snmp").read_text().splitlines() if line.startswith("Tcp:")]
    return int(dict(zip(*lines))["ActiveOpens"])


def cpu_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / 100


class Attempts:
    """Samples how many connections are begun in each tenth of a second."""

    def __init__(self):
        self.rates, self.over = [], threading.Event()
        self.thread = threading.Thread(target=self.sample)

    def sample(self):
        before = opened()
        while not self.over.wait(0.1):
            now = opened()
            self.rates.append(now - before)
            before = now

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.thread.join()


def main():
    nodes = int(sys.argv[1])
    program = estiba.build_folder() / "estiba"
    with estiba.Up(nodes=1) as up:
        lines = subprocess.run([program, "swarm", "--nodes", str(nodes), "--registry"], capture_output=True, check=True).stdout
        with open(up.folder / "registry", "ab") as registry:
            registry.write(lines)
        swarm = subprocess.Popen(
            [program, "swarm", "--nodes", str(nodes), "--broker", broker(up), "--authority", public(up, "authority")],
            stdout=subprocess.DEVNULL)
        try:
            estiba.wait_for(lambda: present(up) == nodes, 120, "all simulated nodes")
            start = opened()
            with Attempts() as attempts:
                up.kill("broker")
                begun, killed = time.monotonic(), time.time() * 1000
                # The next broker is there at once, and all may never be away together. But who is back has said hello to
                # it, after this moment; who is present since before it is so by the word of the dead one.
                estiba.wait_for(lambda: all(since > killed for since in sightings(up)), 30, "the end of the dead one's word")
                away = time.monotonic() - begun
                estiba.wait_for(lambda: sum(since > killed for since in sightings(up)) == nodes, 120, "all nodes back")
                back = time.monotonic() - begun
            figures = {
                "nodes": nodes, "awaySeconds": round(away, 2), "backSeconds": round(back, 2),
                "attempts": opened() - start, "mostAttemptsInATenth": max(attempts.rates),
                "brokerCPUSeconds": cpu_seconds(up.pids()["broker"]), "swarmCPUSeconds": cpu_seconds(swarm.pid),
            }
        finally:
            swarm.send_signal(signal.SIGINT)
            swarm.wait(20)
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
