"""Submissions for a while, and nothing that grows with them: memory, descriptors, threads and zombies of every part stay flat.

Twenty seconds; ten minutes at 50 submissions a second with ESTIBA_TEST_LONG=1 (`make test-long`), or ESTIBA_SOAK_SECONDS and ESTIBA_SOAK_RATE."""

import http.client
import json
import os
import pathlib
import secrets
import statistics
import threading
import time
import unittest
import urllib.parse

import estiba

LONG = bool(os.environ.get("ESTIBA_TEST_LONG"))
SECONDS = int(os.environ.get("ESTIBA_SOAK_SECONDS", "600" if LONG else "20"))
RATE = int(os.environ.get("ESTIBA_SOAK_RATE", "50" if LONG else "20"))
SENDERS = 8
# What comes before is caches filling up, pools and stacks.
WARM = 0.4
# What memory may grow by over the judged time: of what it is, and at least so much.
GROWTH_SHARE = 0.05
GROWTH_BYTES = 6 << 20 if SECONDS >= 300 else 24 << 20
OTHERS = 8


class Sender(threading.Thread):
    """Submits at its share of the rate over one connection, each with a key of its own."""

    def __init__(self, up, number, end):
        super().__init__(daemon=True)
        self.up, self.number, self.end = up, number, end
        self.accepted, self.refused, self.last = 0, [], None

    def run(self):
        place = urllib.parse.urlsplit(self.up.url)
        connection = http.client.HTTPConnection(place.hostname, place.port, timeout=60)
        step = SENDERS / RATE
        due = time.monotonic() + self.number * step / SENDERS
        count = 0
        while due < self.end:
            time.sleep(max(0, due - time.monotonic()))
            due = max(due + step, time.monotonic() - 5)
            count += 1
            node = f"node{(self.number + count) % 3 + 1}"
            command = {"arguments": ["true"]} if count % 2 else {"line": f"echo {count}"}
            connection.request(
                "POST", "/api/v1/executions", json.dumps({"nodes": [node], "command": command}),
                {"Authorization": f"Bearer {self.up.token}", "Content-Type": "application/json", "Idempotency-Key": secrets.token_hex(16)})
            answer = connection.getresponse()
            body = answer.read()
            if answer.status == 202:
                self.accepted += 1
                self.last = json.loads(body)["execution"]
            else:
                self.refused.append((answer.status, body[:200]))
        connection.close()


class Meter:
    """Memory, descriptors, threads and zombies of each part, once a second."""

    def __init__(self, up):
        self.pids = {"up": up.process.pid, **up.pids()}
        self.samples = {part: [] for part in self.pids}
        self.began = time.monotonic()

    def sample(self):
        at = time.monotonic() - self.began
        zombies = {}
        for process in pathlib.Path("/proc").glob("[0-9]*"):
            try:
                fields = (process / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if fields[0] == "Z":
                zombies[int(fields[1])] = zombies.get(int(fields[1]), 0) + 1
        for part, pid in self.pids.items():
            status = pathlib.Path(f"/proc/{pid}/status").read_text()
            facts = dict(line.split(":", 1) for line in status.splitlines())
            self.samples[part].append((
                at, int(facts["VmRSS"].split()[0]) << 10, len(os.listdir(f"/proc/{pid}/fd")), int(facts["Threads"]),
                zombies.get(pid, 0)))

    def judged(self, part):
        """First and last of each figure as fitted after the warm-up, and what is wrong with them."""
        last = self.samples[part][-1][0]
        samples = [sample for sample in self.samples[part] if sample[0] >= WARM * last]
        rows, wrong = [], []
        for index, name in ((1, "memory"), (2, "descriptors"), (3, "threads"), (4, "zombies")):
            begin, end = line([sample[0] for sample in samples], [sample[index] for sample in samples])
            rows.append((begin, end))
            bound = max(GROWTH_SHARE * begin, GROWTH_BYTES) if name == "memory" else OTHERS
            if end - begin > bound:
                wrong.append(f"{name} of {part} from {begin:.0f} to {end:.0f}")
        return rows, wrong


def line(times, values):
    """Where a fitted line begins and ends."""
    if len(set(times)) < 2:
        return values[0], values[-1]
    slope, start = statistics.linear_regression(times, values)
    return start + slope * times[0], start + slope * times[-1]


class Soak(unittest.TestCase):
    def test_memory_descriptors_threads_and_zombies_stay_flat(self):
        with estiba.Up(nodes=3) as up:
            meter = Meter(up)
            end = time.monotonic() + SECONDS
            senders = [Sender(up, number, end) for number in range(SENDERS)]
            for sender in senders:
                sender.start()
            while time.monotonic() < end:
                meter.sample()
                time.sleep(1)
            for sender in senders:
                sender.join(120)
            accepted = sum(sender.accepted for sender in senders)
            self.assertEqual([answer for sender in senders for answer in sender.refused], [])
            for sender in senders:
                self.assertEqual([run["state"] for run in up.ended(sender.last, 120).values()], ["exited"])
            estiba.wait_for(
                lambda: not up.http("GET", "executions?active=true").json()["executions"], 120, "the end of all")
            meter.sample()
            self.assertEqual({part: meter.samples[part][-1][4] for part in meter.pids if meter.samples[part][-1][4]}, {})
            print(f"\n{accepted} submissions in {SECONDS} s ({accepted / SECONDS:.1f}/s); fitted from {WARM:.0%} on, first -> last")
            print(f"{'part':15} {'memory MiB':>18} {'descriptors':>16} {'threads':>14} {'zombies':>12}")
            wrong = []
            for part in meter.pids:
                rows, found = meter.judged(part)
                wrong += found
                (a, b), *others = rows
                cells = [f"{a / (1 << 20):.1f} -> {b / (1 << 20):.1f}"] + [f"{x:.0f} -> {y:.0f}" for x, y in others]
                print(f"{part:15} {cells[0]:>18} {cells[1]:>16} {cells[2]:>14} {cells[3]:>12}")
            self.assertEqual(wrong, [])
            self.assertGreater(accepted, RATE * SECONDS * (0.9 if LONG else 0.3))


if __name__ == "__main__":
    unittest.main()
