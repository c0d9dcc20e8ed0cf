"""Several gateways, a broker and workers by hand, as an operator would set them up: all on loopback, each a process of its own."""

import hashlib
import os
import pathlib
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile

import estiba

USER = pwd.getpwuid(os.getuid()).pw_name


def free_ports(count):
    """The first of so many ports in a row that nobody has just now."""
    while True:
        first = 20_000 + secrets.randbelow(12_000)
        held = []
        try:
            for port in range(first, first + count):
                held.append(socket.create_server(("127.0.0.1", port)))
            return first
        except OSError:
            continue
        finally:
            for one in held:
                one.close()


class Part:
    """A daemon with its settings file."""

    def __init__(self, installation, name, program, lines):
        self.name, self.program = name, program
        self.folder = installation.folder
        self.settings = self.folder / f"{name}.yaml"
        self.settings.write_text("".join(f"{line}\n" for line in lines))
        self.log = self.folder / f"{name}.log"
        self.process = None

    def launch(self):
        """Returns when it says that it is ready, or raises with what it said."""
        ready, end = os.pipe()
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                [estiba.build_folder() / self.program, "--config", self.settings], stdin=subprocess.DEVNULL, stdout=log,
                stderr=log, pass_fds=[end], env=dict(os.environ, ESTIBA_READY_FD=str(end)))
        os.close(end)
        said = os.read(ready, 16)
        os.close(ready)
        if not said:
            self.process.wait()
            raise AssertionError(f"{self.name} did not start:\n{self.log.read_text()[-2000:]}")
        return self

    def kill(self):
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def stop(self):
        if self.process is None:
            return 0
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(estiba.STOP_SECONDS)
        finally:
            self.kill()


class Gateway(Part, estiba.Client):
    """A gateway; `token` is the installation's, which is good at each."""

    def __init__(self, installation, name, more=()):
        key = installation.key(name)
        port = free_ports(1)
        self.data = installation.folder / name
        Part.__init__(self, installation, name, "estiba-gateway", [
            f"name: {name}", f"key: {key}", f"authority: {installation.folder}/authority.key",
            f"registry: {installation.folder}/registry", f"data: {self.data}", f"address: 127.0.0.1:{port}",
            f"codes: {installation.folder}/codes", f"allowedUIDs: [{os.getuid()}]",
            f"brokers: [{installation.broker_address}]", *more])
        self.url = f"http://127.0.0.1:{port}"
        self.installation = installation

    @property
    def token(self):
        if self.installation.token is None:
            self.installation.token = self.login()
        return self.installation.token

    def login(self, user=USER, uid=os.getuid()):
        """Logs somebody in by a one-time code."""
        code = secrets.token_urlsafe(24)
        file = self.folder / "codes" / hashlib.blake2b(code.encode(), digest_size=32).hexdigest()
        file.write_text(f"{uid} {user}\n")
        answer = self.http("POST", "login/code", {"code": code}, token=None)
        if answer.status != 200:
            raise AssertionError(f"{answer.status} {answer.body!r}")
        return answer.json()["token"]

    def sees(self, node, present=True):
        return {one["name"]: one["present"] for one in self.http("GET", "nodes").json()["nodes"]}.get(node) == present


class Installation:
    """`with Installation() as all: all.g1.submit(…)`: gateways g1, g2…, nodes n1, n2…, one broker."""

    def __init__(self, gateways=2, nodes=2, gateway_settings=()):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="estiba-gateways-"))
        (self.folder / "codes").mkdir(mode=0o700)
        self.token = None
        self.parts = []
        self.registry = []
        port = free_ports(5)
        broker, _ = self.key("broker", role=None), self.key("authority", role=None)
        self.broker_address = f'"127.0.0.1:{port} {self.public["broker"]}"'
        self.broker = self.add(Part(self, "broker", "estiba-broker", [
            "listen: 127.0.0.1", f"port: {port}", f"key: {broker}", f"registry: {self.folder}/registry"]))
        self.gateways = [self.add(Gateway(self, f"g{number + 1}", gateway_settings)) for number in range(gateways)]
        self.nodes = [self.add(self.worker(f"n{number + 1}")) for number in range(nodes)]
        for part in self.gateways + self.nodes:
            setattr(self, part.name, part)
        file = self.folder / "registry"
        file.write_text("".join(f"{line}\n" for line in self.registry))
        file.chmod(0o600)

    def key(self, name, role="gateway"):
        if not hasattr(self, "public"):
            self.public = {}
        path = self.folder / f"{name}.key"
        made = subprocess.run(
            [estiba.build_folder() / "estiba", "keys", "new", path], capture_output=True, text=True, check=True)
        self.public[name] = made.stdout.strip().removeprefix("public ").strip()
        if role:
            self.registry.append(f"{role}:{name} {self.public[name]}")
        return path

    def worker(self, name):
        key, data = self.key(name, role="node"), self.folder / "nodes" / name
        (data / "home").mkdir(parents=True)
        (self.folder / "pam").mkdir(exist_ok=True)
        for service, control in [("estiba", "permit"), ("other", "deny")]:
            (self.folder / "pam" / service).write_text(
                "".join(f"{kind} required pam_{control}.so\n" for kind in ["auth", "account", "session"]))
        return Part(self, name, "estiba-worker", [
            f"name: {name}", f"key: {key}", f"authority: {self.public['authority']}", f"data: {data}",
            f"home: {data}/home", f"allowedUIDs: [{os.getuid()}]", "pamService: estiba",
            f"pamConfiguration: {self.folder}/pam", "session: false", "avahi: none", f"brokers: [{self.broker_address}]"])

    def token_of(self, user, uid):
        """A login of somebody who need not have an account here."""
        return self.gateways[-1].login(user, uid)

    def add(self, part):
        self.parts.append(part)
        return part

    def __enter__(self):
        try:
            for part in self.parts:
                part.launch()
            for gateway in self.gateways:
                for node in self.nodes:
                    estiba.wait_for(lambda: gateway.sees(node.name), 30, f"{node.name} at {gateway.name}")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for part in self.parts:
            part.kill()
        self.end_runs()
        shutil.rmtree(self.folder, ignore_errors=True)

    def end_runs(self):
        """What a test has left running outlives its worker; all of it is in this folder, or was started with its name."""
        for process in pathlib.Path("/proc").glob("[0-9]*"):
            try:
                where, words = os.readlink(process / "cwd"), (process / "cmdline").read_bytes().decode(errors="replace")
                if where.startswith(str(self.folder)) or str(self.folder) in words:
                    os.kill(int(process.name), signal.SIGKILL)
            except OSError:
                continue
