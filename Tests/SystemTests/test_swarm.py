"""Simulated nodes with real links: they stand beside real ones and answer as workers do."""

import re
import signal
import subprocess
import unittest

import estiba

NODES = 40


class Swarm(unittest.TestCase):
    def test_simulated_nodes_answer_orders_and_come_back_after_a_broker_restart(self):
        with estiba.Up(nodes=1) as up:
            program = estiba.build_folder() / "estiba"
            lines = subprocess.run([program, "swarm", "--nodes", str(NODES), "--registry"], capture_output=True, check=True).stdout
            with open(up.folder / "registry", "ab") as registry:
                registry.write(lines)
            swarm = subprocess.Popen(
                [program, "swarm", "--nodes", str(NODES), "--broker", broker(up), "--authority", public(up, "authority")],
                stdout=subprocess.PIPE)
            try:
                estiba.wait_for(lambda: present(up) == NODES, 30, "all simulated nodes")
                before = up.kill("broker")
                estiba.wait_for(lambda: up.pids().get("broker", before) != before, what="another broker")
                done = up.estiba("run", "-n", f"swarm[1-{NODES}]", "--", "seq", "3")
                self.assertEqual(done.returncode, 0, done.stderr)
                wanted = sorted(f"swarm{node}: {line}" for node in range(1, NODES + 1) for line in (1, 2, 3))
                self.assertEqual(sorted(done.stdout.decode().splitlines()), wanted)
                done = up.estiba("run", "-n", "swarm1,node1", "--", "false")
                self.assertEqual(done.returncode, 1, done.stderr)
            finally:
                swarm.send_signal(signal.SIGINT)
                self.assertEqual(swarm.wait(20), 0)
                swarm.stdout.close()


def present(up):
    nodes = up.http("GET", "nodes").json()["nodes"]
    return sum(node["present"] and node["name"].startswith("swarm") for node in nodes)


def broker(up):
    port = re.search(r'^port: "(\d+)"', (up.folder / "broker.yaml").read_text(), re.M).group(1)
    return f"127.0.0.1:{port} {public(up, 'broker')}"


def public(up, name):
    return re.search(r"^public (\w+)", (up.folder / "keys" / f"{name}.key").read_text(), re.M).group(1)


if __name__ == "__main__":
    unittest.main()
