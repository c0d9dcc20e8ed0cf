"""An installation by YAML: brokers, gateways and workers, as many as one likes of each."""

import ctypes
import hashlib
import http.client
import json
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import threading

import estiba
from chaos.installation import PORTS_OF_A_BROKER, Installation
from chaos.processes import processes

LIBRARY = ctypes.CDLL(None)


class Parts(Installation):
    """Brokers, gateways and workers by YAML; each is started again a moment after it has ended, as a service manager would."""

    def __init__(self, seed, brokers=2, gateways=2, nodes=3, settings=None, volumes=(), mebibytes=64, addresses=None, within=None):
        """Of `volumes` each has `mebibytes`; `addresses` {part: where it finds the brokers} without a link between; `within` {part: words before its command}."""
        super().__init__(seed)
        self.settings, self.addresses, self.within = settings or {}, addresses or {}, within or {}
        self.parts = {"broker": names("broker", brokers), "worker": names("node", nodes), "gateway": names("gateway", gateways)}
        self.data, self.logs = self.folder, self.folder / "log"
        self.processes, self.held, self.ending = {}, set(), threading.Event()
        self.keepers = []
        try:
            for name in ["log", "keys", "codes", "data"]:
                (self.folder / name).mkdir()
            for name in volumes:
                self.mount(name, mebibytes)
            self.configure()
            for part in self.everyone():
                self.keepers.append(threading.Thread(target=self.keep, args=(part,), daemon=True))
                self.keepers[-1].start()
            self.gateways = []
            for number, port in enumerate(self.ports):
                self.gateways.append(("127.0.0.1", port, estiba.wait_for(lambda: self.login(port), 60, f"gateway{number + 1}")))
            for gateway in self.gateways:
                estiba.wait_for(lambda: self.present(gateway) >= nodes, 60, "all nodes")
        except BaseException:
            self.stop()
            raise

    # Setting up

    def mount(self, part, mebibytes):
        """The data of this part lie on a small file system of their own."""
        folder = self.folder / "data" / part
        folder.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={mebibytes}m", "chaos", folder], check=True, capture_output=True)
        self.volumes[part] = folder

    def key(self, name):
        file = self.folder / "keys" / name
        if not file.exists():
            subprocess.run([estiba.build_folder() / "estiba", "keys", "new", file], check=True, capture_output=True)
        return re.search(r"^public (\w+)", file.read_text(), re.M).group(1)

    def configure(self):
        bases, self.ports = [free_row(PORTS_OF_A_BROKER) for _ in self.parts["broker"]], [free_row(1) for _ in self.parts["gateway"]]
        registry = [f"gateway:{name} {self.key(name)}" for name in self.parts["gateway"]]
        registry += [f"node:{name} {self.key(name)}" for name in self.parts["worker"]]
        (self.folder / "registry").write_text("\n".join(registry) + "\n")
        authority = self.key("authority")
        for name, base in zip(self.parts["broker"], bases):
            self.write(name, listen="127.0.0.1", port=base, key=self.path("keys", name), registry=self.path("registry"))
            self.key(name)
        number = 0
        for name in self.parts["worker"] + self.parts["gateway"]:
            brokers = []
            for broker, base in zip(self.parts["broker"], bases):
                address = self.addresses.get(name) or self.link(f"{name}-{broker}", number, "127.0.0.1", base)
                brokers.append(f"{address}:{base} {self.key(broker)}")
                number += 1
            data = self.folder / "data" / name
            data.mkdir(exist_ok=True)
            if name in self.parts["worker"]:
                (data / "home").mkdir()
                (data / "home").chmod(0o755)
                data.chmod(0o711)
                self.write(name, name=name, key=self.path("keys", name), authority=authority, brokers=brokers, data=str(data),
                           home=f"{data}/home", session=False, allowedUIDs=[os.getuid()], avahi="none", freeBytes="1MiB")
            else:
                port = self.ports[self.parts["gateway"].index(name)]
                self.write(name, name=name, key=self.path("keys", name), authority=self.path("keys", "authority"),
                           registry=self.path("registry"), brokers=brokers, data=str(data), address=f"127.0.0.1:{port}",
                           authenticator=self.path("none.sock"), instance="chaos", codes=self.path("codes"),
                           allowedUIDs=[os.getuid()], freeBytes="1MiB")

    def path(self, *names):
        return str(self.folder.joinpath(*names))

    def write(self, part, **settings):
        settings.update(self.settings.get(part, {}))
        text = "".join(f"{key}: {json.dumps(value)}\n" for key, value in settings.items())
        (self.folder / f"{part}.yaml").write_text(text)

    # Living

    def keep(self, part):
        """The life of a part: started, and started again 0.2 s after its end unless it is held back."""
        name = "estiba-" + part.rstrip("0123456789").replace("node", "worker")
        while not self.ending.is_set():
            if part not in self.held:
                with open(self.logs / f"{part}.log", "ab") as log:
                    self.processes[part] = subprocess.Popen(
                        [*self.within.get(part, []), estiba.build_folder() / name, "--config", self.path(f"{part}.yaml")],
                        stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, env=environment(),
                        preexec_fn=die_with_us)
                self.processes[part].wait()
            self.ending.wait(0.2)

    def pid(self, part):
        process = self.processes.get(part)
        return process.pid if process and process.returncode is None else None

    def hold(self, part):
        """Ends a part, which stays away until `release`."""
        self.held.add(part)
        process = self.processes[part]
        process.kill()
        process.wait()

    def release(self, part):
        self.held.discard(part)

    def login(self, port):
        code = secrets.token_urlsafe(32)
        file = self.folder / "codes" / hashlib.blake2b(code.encode(), digest_size=32).hexdigest()
        file.write_text(f"{os.getuid()} root\n" if os.getuid() == 0 else f"{os.getuid()} {os.environ['USER']}\n")
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            connection.request("POST", "/api/v1/login/code", json.dumps({"code": code}), {"Content-Type": "application/json"})
            answer = connection.getresponse()
            return json.loads(answer.read())["token"] if answer.status == 200 else None
        except (OSError, http.client.HTTPException):
            return None
        finally:
            connection.close()
            file.unlink(missing_ok=True)

    def ask(self, gateway, method, path, body=None, **fields):
        host, port, token = gateway
        connection = http.client.HTTPConnection(host, port, timeout=20)
        fields = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"} | {
            key.replace("_", "-"): value for key, value in fields.items()}
        try:
            connection.request(method, "/api/v1/" + path, body and json.dumps(body), fields)
            return estiba.Answer(connection.getresponse())
        finally:
            connection.close()

    def present(self, gateway):
        try:
            return sum(node["present"] for node in self.ask(gateway, "GET", "nodes").json()["nodes"])
        except (OSError, http.client.HTTPException, KeyError):
            return 0

    def said(self, part):
        return (self.logs / f"{part}.log").read_text(errors="replace")

    def stop(self):
        self.ending.set()
        for part in self.everyone():
            self.terminate(part)
            self.resume(self.pid(part))
        for keeper in self.keepers:
            keeper.join(15)
        for pid in [pid for pid in processes(str(self.folder).encode()) if pid != os.getpid()]:
            self.resume(pid)
            os.kill(pid, signal.SIGKILL)
        self.network.close()
        for folder in self.volumes.values():
            subprocess.run(["umount", "-l", folder], capture_output=True)
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


def names(stem, count):
    return [f"{stem}{number}" for number in range(1, count + 1)]


def environment():
    return {key: value for key, value in os.environ.items() if not key.startswith("ESTIBA_")}


def die_with_us():
    """In the child: it ends with the thread that started it, also when this program is killed (prctl(2), PR_SET_PDEATHSIG)."""
    LIBRARY.prctl(1, signal.SIGKILL)


def free_row(count):
    """The first of some loopback ports in a row that are free."""
    while True:
        base = 20000 + secrets.randbelow(10000)
        sockets = []
        try:
            for port in range(base, base + count):
                sockets.append(socket.create_server(("127.0.0.1", port)))
            return base
        except OSError:
            pass
        finally:
            for one in sockets:
                one.close()
