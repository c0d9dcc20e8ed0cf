"""Other services on the bus: the examples against a running installation whose broker drops messages and dies, and what a
hostile holder of a key can do to the others."""

import base64
import contextlib
import json
import os
import pathlib
import secrets
import select
import signal
import socket
import subprocess
import tempfile
import unittest

import estiba
from test_endurance import drop_output, first_difference

PYTHON = "/usr/bin/python3"   # Debian's, which has python3-zmq and python3-protobuf
EXAMPLES = estiba.REPOSITORY / "examples"
HAS_ZMQ = subprocess.run([PYTHON, "-c", "import zmq, google.protobuf"], capture_output=True).returncode == 0
LINES = 6000
PROGRAM = f"""
import sys, time
for number in range(1, {LINES} + 1):
    sys.stdout.write(f"out {{number}}\\n")
    sys.stderr.write(f"err {{number}}\\n")
    if number % 60 == 0:
        sys.stdout.flush(); time.sleep(0.08)
sys.exit(7)
"""
WRITTEN = {
    stream: "".join(f"{word} {number}\n" for number in range(1, LINES + 1)).encode()
    for stream, word in (("stdout", "out"), ("stderr", "err"))}


@unittest.skipUnless(HAS_ZMQ, "python3-zmq and python3-protobuf are missing")
class Subscribers(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.up = estiba.Up(nodes=2)
        cls.addClassCleanup(cls.up.stop)
        # From here on the broker throws away every fifth message.
        drop_output(cls.up, percent=20)

    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="estiba-subscribers-"))
        self.addCleanup(lambda: subprocess.run(["rm", "-rf", self.folder]))

    def environment(self, token=None):
        return dict(self.up.environment(token), XDG_CONFIG_HOME=str(self.folder))

    def key(self, name, *more, token=None):
        done = subprocess.run(
            [estiba.build_folder() / "estiba", "subscribe-key", "--name", name, *more, "--json"],
            env=self.environment(token), capture_output=True, timeout=30)
        self.assertEqual(done.returncode, 0, done.stderr)
        path = self.folder / f"{name}.json"
        path.write_bytes(done.stdout)
        return path, json.loads(done.stdout)

    @contextlib.contextmanager
    def running(self, program, *arguments, token=None):
        """The program, its stdout in a file, from when it listens; ended by SIGTERM where it still runs."""
        said = self.folder / (secrets.token_hex(4) + ".said")
        out = self.folder / (secrets.token_hex(4) + ".out")
        with open(said, "wb") as errors, open(out, "wb") as output:
            process = subprocess.Popen(
                [PYTHON, EXAMPLES / program, *map(str, arguments)], stdout=output, stderr=errors,
                env=self.environment(token))
        process.out, process.said = out, said
        try:
            estiba.wait_for(lambda: b"listening" in said.read_bytes(), 20, f"{program} listening")
            yield process
            if process.poll() is None:
                process.terminate()
                self.assertEqual(process.wait(10), 0, said.read_text())
        except AssertionError as error:
            raise AssertionError(f"{error}; {program} said:\n{said.read_text()}") from error
        finally:
            process.kill()
            process.wait()

    def run_program(self, node="node1"):
        return self.up.detached("run", "-n", node, "--", "python3", "-c", PROGRAM)

    def test_a_subscriber_prints_what_logs_prints(self):
        access, _ = self.key("printer")
        positions = self.folder / "positions.json"
        printed = b""
        with self.running("subscriber/subscriber.py", access, "--positions", positions) as first:
            execution = self.run_program()
            estiba.wait_for(lambda: b"out 1000\n" in first.out.read_bytes(), 20, "lines")
            self.up.kill("broker")
            estiba.wait_for(lambda: b"out 2500\n" in first.out.read_bytes(), 30, "lines after the broker's end")
        printed += first.out.read_bytes()
        # It is away for a while, and goes on where it was.
        self.up.ended(execution)
        with self.running("subscriber/subscriber.py", access, "--positions", positions) as second:
            estiba.wait_for(lambda: b"exited 7" in printed + second.out.read_bytes(), 30, "the end")
        printed += second.out.read_bytes()
        for mark, stream in [(b"node1: ", "stdout"), (b"node1! ", "stderr")]:
            lines = [line.removeprefix(mark) for line in printed.splitlines(True) if line.startswith(mark)]
            self.assertIsNone(first_difference(b"".join(lines), WRITTEN[stream]))
            self.assertIsNone(first_difference(self.up.raw(execution, stream=stream), WRITTEN[stream]))
        self.assertEqual(self.up.estiba("logs", execution, "--raw").stdout, WRITTEN["stdout"])
        states = [line.split(b" ")[2] for line in printed.splitlines() if line.startswith(b"node1 -- ")]
        self.assertEqual(states[-1], b"exited")
        self.assertEqual(len(states), len(set(states)), states)

    def test_a_bridge_writes_every_record_once_over_its_own_kill_and_a_rotation(self):
        access, _ = self.key("bridge")
        file = self.folder / "events.jsonl"
        with self.running("bridge/bridge.py", access, file, "--output") as bridge:
            execution = self.run_program()
            estiba.wait_for(lambda: b"out 1000" in file.read_bytes(), 20, "records")
            bridge.kill()
            bridge.wait()
            self.assertTrue(file.read_bytes())
        with self.running("bridge/bridge.py", access, file, "--output"):
            estiba.wait_for(lambda: b"out 2000" in file.read_bytes(), 20, "records after the kill")
            old = file.rename(self.folder / "events.jsonl.1")
            estiba.wait_for(file.exists, what="the new file")

            def lines():
                both = (old.read_bytes() + file.read_bytes()).splitlines(keepends=True)
                whole = map(json.loads, (line for line in both if line.endswith(b"\n")))
                return [line for line in whole if line["execution"] == execution]

            def written(stream):
                return b"".join(
                    base64.b64decode(line["base64"]) if "base64" in line else line["text"].encode() for line in lines()
                    if line["kind"] == "output" and line["stream"] == stream)

            estiba.wait_for(lambda: any(line.get("terminal") for line in lines()), 30, "the end")
            # What the bus dropped is asked for, and may come after the last state.
            estiba.wait_for(lambda: all(len(written(stream)) >= len(WRITTEN[stream]) for stream in WRITTEN), 30, "all output")
        for stream in WRITTEN:
            self.assertIsNone(first_difference(written(stream), WRITTEN[stream]))
            self.assertIsNone(first_difference(self.up.raw(execution, stream=stream), WRITTEN[stream]))
        found = lines()
        self.assertFalse([line for line in found if line["kind"] == "lost"])
        ends = [line for line in found if line["kind"] == "event" and line["terminal"]]
        self.assertEqual([(line["state"], line["code"]) for line in ends], [("exited", 7)])

    def test_a_service_of_the_registry_needs_no_login(self):
        _, facts = self.key("facts")
        key = self.folder / "billing.key"
        made = subprocess.run([estiba.build_folder() / "estiba", "keys", "new", key], check=True, capture_output=True)
        with open(self.up.folder / "registry", "a") as registry:
            registry.write(f"service:billing {made.stdout.decode().strip()} grants=event/\n")
        estiba.wait_for(lambda: "registry read" in (self.up.folder / "log/broker.log").read_text(), what="the registry")
        file = self.folder / "events.jsonl"
        broker = f"{facts['brokers'][0]['endpoint']} {facts['brokers'][0]['publicKey']}"

        def end_with(code):
            """The line of the end of a command that is run until one is heard."""
            def heard():
                self.up.estiba("run", "-n", "node2", "--", "sh", "-c", f"exit {code}")
                # What is being written may be half a line.
                lines = [json.loads(line) for line in file.read_bytes().splitlines(True) if line.endswith(b"\n")]
                return next((line for line in lines if line["terminal"] and line.get("code") == code), None)
            return estiba.wait_for(heard, 30, f"an end with {code}")

        # The second time it goes on from what it has kept of the first.
        for code in (3, 4):
            with self.running("bridge/bridge.py", "--broker", broker, "--key", key, "--topic", "event/", file, token="none"):
                line = end_with(code)
            self.assertEqual((line["state"], line["node"]), ("exited", "node2"))
            self.assertNotIn("from", line)

    def test_a_key_is_good_until_it_is_removed(self):
        access, facts = self.key("short", "--days", "1")
        self.assertEqual(pathlib.Path(facts["keyFile"]).stat().st_mode & 0o777, 0o400)
        kept = pathlib.Path(facts["keyFile"]).read_bytes()
        # The same name renews the same key.
        _, again = self.key("short", "--days", "2")
        self.assertEqual(pathlib.Path(facts["keyFile"]).read_bytes(), kept)
        self.assertGreater(again["expires"], facts["expires"] + 86_000_000)
        copy = self.folder / "copy.key"
        copy.write_bytes(kept)
        with self.running("subscriber/subscriber.py", access, "--key", copy) as reader:
            self.up.estiba("run", "-n", "node2", "--", "echo", "before")
            estiba.wait_for(lambda: b"node2: before\n" in reader.out.read_bytes(), 20, "the line")
            removed = subprocess.run(
                [estiba.build_folder() / "estiba", "subscribe-key", "remove", "short"], env=self.environment(),
                capture_output=True, timeout=30)
            self.assertEqual(removed.returncode, 0, removed.stderr)
            self.assertFalse(pathlib.Path(facts["keyFile"]).exists())
            estiba.wait_for(lambda: b"gone" in reader.said.read_bytes(), 20, "the cut")
            # From its start on a broker is patient for 30 s, and then refuses for good: it never lets the key in again.
            self.assertEqual(reader.said.read_bytes().count(b"listening"), 1)

    @unittest.skipUnless(estiba.IS_ROOT, "only root can make accounts")
    def test_no_user_hears_another(self):
        ana, eve = estiba.Account(), estiba.Account()
        self.addCleanup(ana.remove)
        self.addCleanup(eve.remove)
        own, foreign = ana.token(self.up), eve.token(self.up)
        access, _ = self.key("eve", token=foreign)
        wishes = ["output/", "event/", "status/", f"output/{ana.name}/", f"event/{ana.name}/", f"output/{ana.name}"]
        topics = [word for wish in ["", *wishes, f"output/{eve.name}/"] for word in ("--topic", wish)]
        with self.running("subscriber/subscriber.py", access, *topics, token=foreign) as reader:
            self.up.estiba("run", "-n", "node1", "--", "echo", "secret", token=own)
            self.up.estiba("run", "-n", "node1", "--", "echo", "mine", token=foreign)
            estiba.wait_for(lambda: b"node1: mine\n" in reader.out.read_bytes(), 30, "eve's own")
            self.assertNotIn(b"secret", reader.out.read_bytes())
        # Nor by ana's key: it is hers, and its name may be taken by each.
        _, hers = self.key("hers", token=own)
        answer = self.up.http("POST", "subscribe-keys", {"name": "x", "key": hers["publicKey"]}, token=foreign)
        self.assertEqual((answer.status, answer.code), (409, "conflict"))
        self.assertEqual(self.up.http("DELETE", "subscribe-keys/hers", token=foreign).status, 404)
        listed = self.up.http("GET", "subscribe-keys", token=foreign).json()
        self.assertEqual([key["name"] for key in listed["keys"]], ["eve"])
        for name in ["..%2Feve", "a%2Fb", f"{ana.name}%2Fhers"]:
            self.assertIn(self.up.http("DELETE", f"subscribe-keys/{name}", token=foreign).status, (400, 404))

    def test_a_flood_of_subscriptions_is_cut_off_in_bounded_memory(self):
        _, facts = self.key("flood")
        script = """
import sys, zmq
sys.path.insert(0, sys.argv[1])
import bus
context = zmq.Context()
endpoint, server, key, user = sys.argv[2:]
public, secret = bus.read_key(key)
socket = context.socket(zmq.SUB)
socket.sndhwm, socket.linger = 0, 0
socket.curve_serverkey, socket.curve_publickey, socket.curve_secretkey = bytes.fromhex(server), public, secret
monitor = socket.get_monitor_socket(zmq.EVENT_DISCONNECTED | zmq.EVENT_HANDSHAKE_FAILED_AUTH)
for number in range(100_000):
    socket.subscribe(f"output/{user}/{number:08}".ljust(199, "x") + "/")
socket.connect(endpoint)
print("cut off" if monitor.poll(30_000) else "still there", flush=True)
"""
        broker = self.up.pids()["broker"]
        before = resident(broker)
        peak = before
        flood = subprocess.Popen(
            [PYTHON, "-c", script, EXAMPLES / "subscriber", facts["brokers"][0]["endpoint"], facts["brokers"][0]["publicKey"],
             facts["keyFile"], facts["user"]], stdout=subprocess.PIPE)
        try:
            while not select.select([flood.stdout], [], [], 0.02)[0]:
                peak = max(peak, resident(broker))
            self.assertEqual(flood.stdout.read(), b"cut off\n")
        finally:
            flood.kill()
            flood.wait()
            flood.stdout.close()
        self.assertLess(max(peak, resident(broker)) - before, 50 << 20)
        self.assertEqual(self.up.pids()["broker"], broker)
        self.assertIn("more than 1000 subscriptions", (self.up.folder / "log/broker.log").read_text())
        self.assertEqual(self.up.estiba("run", "-n", "node1", "--raw", "--", "echo", "well").stdout, b"well\n")

    def test_a_frozen_subscriber_changes_nothing_for_the_others(self):
        access, _ = self.key("frozen")
        other, _ = self.key("awake")
        broker = self.up.pids()["broker"]
        with self.running("subscriber/subscriber.py", access) as frozen, self.running("subscriber/subscriber.py", other) as awake:
            frozen.send_signal(signal.SIGSTOP)
            before = resident(broker)
            execution = self.up.detached("run", "-n", "node1", "--shell", "--", "seq 1000000; echo end")
            estiba.wait_for(lambda: b"node1: end\n" in tail(awake.out), 60, "the end at the one awake")
            self.assertLess(resident(broker) - before, 64 << 20)
            log = self.up.folder / "log/broker.log"
            self.assertNotIn(b"node1: end\n", tail(frozen.out))
            frozen.send_signal(signal.SIGCONT)
            estiba.wait_for(lambda: b"node1: end\n" in tail(frozen.out), 60, "the end at the other")
            wanted = self.up.raw(execution)
            for reader in (frozen, awake):
                lines = b"".join(
                    line.removeprefix(b"node1: ") for line in reader.out.read_bytes().splitlines(True)
                    if line.startswith(b"node1: "))
                self.assertIsNone(first_difference(lines, wanted))
        self.assertEqual(self.up.pids()["broker"], broker, log)

    def test_strangers_and_nonsense_at_the_readers_port(self):
        _, facts = self.key("real")
        host, port = facts["brokers"][0]["endpoint"].removeprefix("tcp://").split(":")
        broker = self.up.pids()["broker"]
        greeting = b"\xff" + bytes(8) + b"\x7f\x03\x00" + b"CURVE".ljust(20, b"\0") + bytes(32)
        tails = [
            b"", b"\x06" + (1 << 33).to_bytes(8, "big"), b"\x06" + ((1 << 63) - 1).to_bytes(8, "big"), b"\x06" + b"\xff" * 8,
            b"\x04\x05\x05HELLO", b"\x04\xc8\x05HELLO" + os.urandom(194), b"\x00\x01\x01", os.urandom(4096)]
        held = []
        for tail in tails:
            for whole in (greeting + tail, tail, (b"\x03".join([greeting[:10], greeting[11:]]) + tail)):
                stranger = socket.create_connection((host, int(port)), timeout=10)
                self.addCleanup(stranger.close)
                with contextlib.suppress(OSError):
                    stranger.sendall(whole)
                held.append(stranger)
        # A key that nobody has granted: a whole CURVE handshake, and no way in.
        stranger_key = self.folder / "stranger.key"
        subprocess.run([estiba.build_folder() / "estiba", "keys", "new", stranger_key], check=True, capture_output=True)
        with self.running("subscriber/subscriber.py", self.folder / "real.json") as real:
            stranger = subprocess.Popen(
                [PYTHON, EXAMPLES / "subscriber/subscriber.py", self.folder / "real.json", "--key", stranger_key],
                env=self.environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            self.up.estiba("run", "-n", "node2", "--", "echo", "hello")
            estiba.wait_for(lambda: b"node2: hello\n" in real.out.read_bytes(), 20, "the line")
            stranger.terminate()
            _, errors = stranger.communicate(timeout=15)
            self.assertNotIn(b"listening", errors)
        self.assertEqual(self.up.pids()["broker"], broker)


def tail(file):
    """The end of a file that grows fast."""
    with open(file, "rb") as opened:
        opened.seek(max(0, file.stat().st_size - 200))
        return opened.read()


def resident(pid):
    """Bytes."""
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) << 10
    raise AssertionError(f"{pid} is gone")


if __name__ == "__main__":
    unittest.main()
