"""Thousands of simulated nodes for a measurement: `estiba swarm` in as many processes as the limit of open files asks for."""
import json, os, pathlib, re, resource, signal, subprocess, tempfile, time

from estiba import BUILD
from idle import cpu_seconds
from web import Web

# Each node: two sockets, each with an eventfd of libzmq's and its connection.
FILES_OF_A_NODE = 4
START_SECONDS = 180


class Crowd:
    """`count` simulated nodes that stand beside the nodes of `up`: swarm1, swarm2 and so on."""

    def __init__(self, up, count):
        self.up, self.count, self.processes = up, count, []
        self.web = Web(up.info["url"], up.info["token"])
        self.said = tempfile.TemporaryFile("w+")
        try:
            self.join(count)
        except BaseException:
            self.close()
            raise

    def join(self, count):
        """Makes them known to broker and gateway, starts them, and waits until the gateway sees all."""
        each = (resource.getrlimit(resource.RLIMIT_NOFILE)[1] - 200) // FILES_OF_A_NODE
        for first in range(1, count + 1, each):
            self.start(first, min(each, count + 1 - first))
        self.wait_for_all()

    def start(self, first, count):
        words = [f"{BUILD}/estiba", "swarm", "--nodes", str(count), "--first", str(first)]
        with open(f"{self.up.data}/registry", "ab") as registry:
            registry.write(subprocess.run(words + ["--registry"], capture_output=True, check=True).stdout)
        port = re.search(r'^port: "(\d+)"', pathlib.Path(f"{self.up.data}/broker.yaml").read_text(), re.M).group(1)
        self.processes.append(subprocess.Popen(
            words + ["--broker", f"127.0.0.1:{port} {self.public('broker')}", "--authority", self.public("authority")],
            stdout=subprocess.DEVNULL, stderr=self.said))

    def public(self, name):
        return re.search(r"^public (\w+)", pathlib.Path(f"{self.up.data}/keys/{name}.key").read_text(), re.M).group(1)

    def present(self):
        nodes = self.web.json("GET", "nodes")["nodes"]
        return sum(node["present"] and node["name"].startswith("swarm") for node in nodes)

    def wait_for_all(self, seconds=START_SECONDS):
        end = time.monotonic() + seconds
        while (present := self.present()) < self.count:
            if time.monotonic() > end or any(process.poll() is not None for process in self.processes):
                self.said.seek(0)
                raise RuntimeError(f"{present} of {self.count} simulated nodes came: {self.said.read()[-300:]}")
            time.sleep(0.5)

    def quiet(self, most=0.2, seconds=60):
        """Waits until broker and gateway have nothing left of what was before: their share of a core no longer falls."""
        end, last = time.monotonic() + seconds, float("inf")
        while time.monotonic() < end:
            before, start = self.cpu(), time.monotonic()
            time.sleep(1)
            share = (self.cpu() - before) / (time.monotonic() - start)
            if share >= last * (1 - most):
                return
            last = share

    def pid(self, part):
        """0 while it is being started again."""
        return json.loads(pathlib.Path(f"{self.up.data}/pids.json").read_text()).get(part, 0)

    def cpu(self, *parts):
        """CPU seconds so far of the parts of the installation; the nodes are not among them."""
        return sum(cpu_seconds(self.pid(part)) for part in parts or ["broker", "gateway"])

    def swarm_cpu(self):
        return sum(cpu_seconds(process.pid) for process in self.processes)

    @property
    def all(self):
        return f"swarm[1-{self.count}]" if self.count > 1 else "swarm1"

    def run(self, *command):
        """The command line's seconds from start to exit code 0, and its output lines."""
        with tempfile.TemporaryFile() as out:
            start = time.perf_counter()
            done = subprocess.run(
                self.up.command("run", "-n", self.all, "--", *command), env=self.up.env, stdout=out, stderr=subprocess.PIPE, timeout=180)
            elapsed = time.perf_counter() - start
            out.seek(0)
            lines = out.read().decode().splitlines()
        if done.returncode != 0:
            raise RuntimeError(f"run ended with {done.returncode}: {done.stderr.decode(errors='replace')[-300:]}")
        return elapsed, lines

    def settled(self):
        """Of the newest execution: seconds from its acceptance to its last node's end, by the gateway's clock."""
        newest = self.web.json("GET", "executions?limit=1")["executions"][0]
        view = self.web.json("GET", f"executions/{newest['execution']}")
        return (max(run["since"] for run in view["runs"]) - view["created"]) / 1000

    def close(self):
        for process in self.processes:
            process.send_signal(signal.SIGINT)
        for process in self.processes:
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self.web.close()
        self.said.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
