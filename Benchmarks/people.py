"""M12: 60 people log in within a minute, each watches the figures of 20 nodes and deploys 5 MB with output to them three times.

Each is a UNIX account made for this and a thread that does what the page does: one WebSocket for nodes, figures and output, and the
same requests. Measured are the answers a person waits for (log in, the list, an upload, a submission, the first frame of a follow),
not the runs themselves. Needs root."""
import json, os, secrets, socket, subprocess, sys, threading, time

from estiba import Up
from files import Growth
from web import Web, live, text_frame

PEOPLE, NODES, TIMES, SIZE = 60, 20, 3, 5 * 10**6
PERIOD = 60
LIMIT_SECONDS = 300


class Accounts:
    def __init__(self, count):
        mark = secrets.token_hex(2)
        self.password = secrets.token_urlsafe(12)
        self.names = [f"estiba-b{mark}{number:02}" for number in range(count)]
        for name in self.names:
            subprocess.run(["useradd", "--no-create-home", "--shell", "/bin/bash", name], check=True, capture_output=True)
        subprocess.run(["chpasswd"], input="".join(f"{name}:{self.password}\n" for name in self.names), text=True, check=True)

    def remove(self):
        for name in self.names:
            subprocess.run(["userdel", "--force", name], capture_output=True)


class Socket:
    """A page's WebSocket: a thread reads it to its end and keeps what a person waits for."""

    def __init__(self, url, token):
        self.link, self.file = live(url, token)
        self.changed = threading.Condition()
        self.opened, self.complete, self.refused, self.figures, self.output = set(), set(), [], 0, {}
        threading.Thread(target=self.read, daemon=True).start()

    def send(self, message):
        self.link.sendall(text_frame(message))

    def read(self):
        try:
            while True:
                head = self.file.read(2)
                size = head[1] & 127
                if size > 125:
                    size = int.from_bytes(self.file.read(2 if size == 126 else 8), "big")
                data = self.file.read(size)
                with self.changed:
                    self.take(head[0] & 15, data)
                    self.changed.notify_all()
        except (OSError, IndexError, ValueError):
            return

    def take(self, opcode, data):
        if opcode == 2:
            follow = int.from_bytes(data[4:8], "little")
            self.output[follow] = self.output.get(follow, 0) + len(data)
        elif b'"type":"status"' in data:
            self.figures += 1
        elif opcode == 1:
            message = json.loads(data)
            kinds = {"opened": self.opened, "complete": self.complete}
            if message["type"] in kinds:
                kinds[message["type"]].add(message["id"])
            elif message["type"] == "error":
                self.refused.append(message)

    def wait(self, claim, seconds):
        with self.changed:
            if not self.changed.wait_for(claim, seconds):
                raise TimeoutError("a frame did not come")

    def close(self):
        self.link.shutdown(socket.SHUT_RDWR)
        self.link.close()


class Person:
    def __init__(self, number, crowd):
        self.number, self.crowd = number, crowd
        self.actions, self.failures, self.figures = [], [], 0

    def timed(self, name, work, *arguments, **more):
        start = time.perf_counter()
        result = work(*arguments, **more)
        self.actions.append((name, time.perf_counter() - start))
        return result

    def live(self):
        try:
            time.sleep(PERIOD * self.number / PEOPLE)
            self.work()
        except Exception as error:
            self.failures.append(f"{type(error).__name__}: {error}")

    def work(self):
        crowd = self.crowd
        web = Web(crowd.url)
        login = self.timed("log in", web.json, "POST", "login",
                           {"user": crowd.accounts.names[self.number], "password": crowd.accounts.password})
        web.token = login["token"]
        names = [node["name"] for node in self.timed("nodes", web.json, "GET", "nodes")["nodes"]]
        live = Socket(crowd.url, web.token)
        try:
            live.send({"type": "watch", "what": "nodes"})
            live.send({"type": "watch", "what": "executions"})
            live.send({"type": "watch-status", "id": 1, "nodes": names, "milliseconds": 1000})
            for turn in range(TIMES):
                self.deploy(web, live, names, 10 + turn)
            if live.refused:
                self.failures.append(f"refused: {live.refused[0]}")
        finally:
            self.figures = live.figures
            live.close()
            web.close()

    def deploy(self, web, live, names, follow):
        content = os.urandom(SIZE)
        blob = self.timed("upload", web.json, "POST", "blobs", content)["blob"]
        execution = self.timed("submit", web.submit, {
            "nodes": names, "kind": "deploy", "command": {"shell": "wc -c < load.bin; seq 200"},
            "files": [{"blob": blob, "name": "load.bin", "folder": "~", "mode": 0o644, "overwrite": True, "createFolder": True}]})
        self.timed("open", self.open, live, follow, execution)
        live.wait(lambda: follow in live.complete, LIMIT_SECONDS)
        view = web.json("GET", f"executions/{execution}")
        bad = [run for run in view["runs"] if (run["state"], run.get("code")) != ("exited", 0)]
        if bad:
            self.failures.append(f"{len(bad)} runs, first: {bad[0]['node']} {bad[0]['state']} {bad[0].get('reason')}")
        said = web.ask("GET", f"executions/{execution}/raw?node={names[turn_of(follow)]}&stream=stdout")
        if said != f"{SIZE}\n".encode() + b"".join(b"%d\n" % number for number in range(1, 201)):
            self.failures.append(f"{execution}: the output is not as printed")

    def open(self, live, follow, execution):
        live.send({"type": "follow", "id": follow, "execution": execution})
        live.wait(lambda: follow in live.opened, 60)


def turn_of(follow):
    return follow % NODES


class Crowd:
    def __init__(self, up, accounts):
        self.url, self.accounts = up.info["url"], accounts
        self.people = [Person(number, self) for number in range(PEOPLE)]

    def live(self):
        threads = [threading.Thread(target=person.live, daemon=True) for person in self.people]
        for thread in threads:
            thread.start()
        end = time.monotonic() + PERIOD + LIMIT_SECONDS
        for thread in threads:
            thread.join(max(0.1, end - time.monotonic()))
        late = sum(thread.is_alive() for thread in threads)
        failures = [failure for person in self.people for failure in person.failures]
        return failures + [f"{late} people were not done after {PERIOD + LIMIT_SECONDS} s"] * (late > 0)


def percentile(values, share):
    return sorted(values)[min(len(values) - 1, int(len(values) * share))] if values else float("nan")


def measure(row):
    if os.geteuid() != 0:
        return print("(M12 left out: it makes accounts, which needs root)", flush=True)
    accounts = Accounts(PEOPLE)
    try:
        with Up(NODES) as up:
            growth = Growth(up.info["pids"]["gateway"])
            crowd = Crowd(up, accounts)
            start = time.monotonic()
            failures = crowd.live()
            elapsed = time.monotonic() - start
            growth.end()
            report(row, crowd, failures, growth.most / 1024, elapsed)
    finally:
        accounts.remove()


def report(row, crowd, failures, resident, elapsed):
    actions = [action for person in crowd.people for action in person.actions]
    p95 = percentile([seconds for _, seconds in actions], 0.95)
    each = ", ".join(f"{name} {percentile([s for n, s in actions if n == name], 0.95):.2f} s"
                     for name in ["log in", "nodes", "upload", "submit", "open"])
    figures = sum(person.figures for person in crowd.people)
    for failure in failures[:10]:
        print(f"(M12: {failure})", file=sys.stderr)
    row(f"| M12 {PEOPLE} people, {NODES} nodes, {PEOPLE * TIMES} deployments of 5 MB | {len(failures)} failures, p95 {p95:.2f} s ({each}), "
        f"gateway {resident:.0f} MiB, {figures:,} figures, {elapsed:.0f} s | | no failure, p95 < 1 s, <= 250 MB | "
        f"{'met' if not failures and p95 < 1 and resident * 1.048576 <= 250 and figures else 'missed'} |")


if __name__ == "__main__":
    PEOPLE = int(os.environ.get("ESTIBA_BENCH_PEOPLE", PEOPLE))
    measure(lambda text: print(text, flush=True))
