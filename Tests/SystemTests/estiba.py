"""What the system tests stand on: a running `estiba up` of the build under test, its command line and API, real accounts."""

import http.client
import json
import os
import pathlib
import pwd
import resource
import secrets
import select
import shutil
import signal
import subprocess
import tempfile
import time
import urllib.parse

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
START_SECONDS = 60
STOP_SECONDS = 20
IS_ROOT = os.geteuid() == 0


# Starts a command where no cgroup can be made: an empty folder lies over all of them.
WITHOUT_CGROUPS = [
    "unshare", "--mount", "--propagation", "private", "sh", "-c",
    "mount -t tmpfs none /sys/fs/cgroup && exec \"$0\" \"$@\""]


def can_hide_cgroups():
    return subprocess.run([*WITHOUT_CGROUPS, "true"], capture_output=True).returncode == 0


def has_cgroups():
    """Whether this machine has a cgroup of version 2 that can be written."""
    return any(os.access(f"/sys/fs/cgroup{folder}/cgroup.procs", os.W_OK) for folder in ("/unified", ""))


def build_folder():
    """The folder with the programs: ESTIBA_BUILD, else the release build, else the debug build."""
    named = os.environ.get("ESTIBA_BUILD")
    for candidate in [named] if named else [".build/release", ".build/debug"]:
        folder = REPOSITORY / candidate
        if (folder / "estiba").exists():
            return folder
    raise SystemExit("no build found: set ESTIBA_BUILD to the folder with the programs")


def wait_for(claim, seconds=30, what="it"):
    """Waits until claim() is true and returns what it gave."""
    end = time.monotonic() + seconds
    while True:
        result = claim()
        if result:
            return result
        if time.monotonic() > end:
            raise AssertionError(f"{what} did not come about within {seconds} s")
        time.sleep(0.02)


class Answer:
    def __init__(self, response):
        self.status = response.status
        self.headers = response.headers
        self.body = response.read()

    def json(self):
        return json.loads(self.body)

    @property
    def code(self):
        return self.json()["error"]["code"]


class Client:
    """A gateway as its users see it: command line and API. Has `url` and `token`."""

    def environment(self, token=None):
        return dict(os.environ, ESTIBA_GATEWAY=self.url, ESTIBA_TOKEN=token or self.token)

    def estiba(self, *arguments, token=None, timeout=60, **more):
        """Runs the command line to its end."""
        return subprocess.run(
            [build_folder() / "estiba", *map(str, arguments)], env=self.environment(token), capture_output=True,
            timeout=timeout, **more)

    def start(self, *arguments, token=None, **more):
        """Starts the command line."""
        return subprocess.Popen(
            [build_folder() / "estiba", *map(str, arguments)], env=self.environment(token), stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, **more)

    def detached(self, *arguments, **more):
        """The id of an execution that was handed in."""
        done = self.estiba(*arguments[:1], "--detach", "--json", *arguments[1:], **more)
        if done.returncode != 0:
            raise AssertionError(f"not accepted: {done.stderr!r}")
        return json.loads(done.stdout.splitlines()[-1])["execution"]

    def http(self, method, path, body=None, token="", headers=None, source=None):
        """One request to the API; `token=None` is without login."""
        place = urllib.parse.urlsplit(self.url)
        connection = http.client.HTTPConnection(
            place.hostname, place.port, timeout=30, source_address=(source, 0) if source else None)
        fields = dict(headers or {})
        if token is not None:
            fields["Authorization"] = f"Bearer {token or self.token}"
        if body is not None and not isinstance(body, (bytes, str)):
            body = json.dumps(body)
            fields["Content-Type"] = "application/json"
        try:
            connection.request(method, path if path.startswith("/") else "/api/v1/" + path, body, fields)
            return Answer(connection.getresponse())
        finally:
            connection.close()

    def submit(self, request, **more):
        return self.http("POST", "executions", request, headers={"Idempotency-Key": secrets.token_hex(16)}, **more)

    def ended(self, execution, seconds=30, token=""):
        """The runs of an execution by node, when all are in their last state."""
        def runs():
            found = self.http("GET", f"executions/{execution}", token=token).json()["runs"]
            return found if all(run["terminal"] for run in found) else None
        return {run["node"]: run for run in wait_for(runs, seconds, f"the end of {execution}")}

    def outcome(self, request, **more):
        """Hands in, waits for the end, gives the runs by node."""
        answer = self.submit(request, **more)
        if answer.status != 202:
            raise AssertionError(f"{answer.status} {answer.body!r}")
        return self.ended(answer.json()["execution"], token=more.get("token", ""))

    def raw(self, execution, node="node1", stream="stdout", token=""):
        """The bytes of a stream, when all of them are there: a last state is told before the last of the output is copied."""
        answer = self.http("GET", f"executions/{execution}/raw?node={node}&stream={stream}&follow=true", token=token)
        if answer.status != 200:
            raise AssertionError(f"{answer.status} {answer.body!r}")
        return answer.body

    def blob(self, content):
        answer = self.http("POST", "blobs", content)
        if answer.status != 201:
            raise AssertionError(f"{answer.status} {answer.body!r}")
        return answer.json()["blob"]


class Up(Client):
    """`estiba up --json` in a folder of its own. `with Up() as up: up.estiba("whoami")`. `within` is a command that starts
    what is behind it, as `WITHOUT_CGROUPS` is."""

    def __init__(self, nodes=3, data=None, address="127.0.0.1:0", open_files=None, within=()):
        self.folder = pathlib.Path(data or tempfile.mkdtemp(prefix="estiba-system-"))
        self.keeps = data is not None
        self.log = open(self.folder / "up.stderr", "ab")
        self.process = subprocess.Popen(
            [*within, build_folder() / "estiba", "up", "--nodes", str(nodes), "--address", address, "--data", self.folder, "--json"],
            stdout=subprocess.PIPE, stderr=self.log, start_new_session=True,
            preexec_fn=open_files and (lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (open_files, open_files))))
        try:
            ready, _, _ = select.select([self.process.stdout], [], [], START_SECONDS)
            line = self.process.stdout.readline() if ready else b""
            if not line:
                raise AssertionError("estiba up did not come up:\n" + self.said())
            self.facts = json.loads(line)
        except BaseException:
            self.stop()
            raise
        self.url = self.facts["url"]
        self.token = self.facts["token"]

    def said(self):
        self.log.flush()
        return (self.folder / "up.stderr").read_text(errors="replace")[-4000:]

    def pids(self):
        return json.loads((self.folder / "pids.json").read_text())

    def kill(self, part):
        """Ends a part as a crash would; `up` starts it again."""
        pid = self.pids()[part]
        os.kill(pid, signal.SIGKILL)
        return pid

    def stop(self):
        """Ends `up` and returns its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            raise AssertionError(f"estiba up had not ended {STOP_SECONDS} s after SIGTERM:\n" + self.said())
        finally:
            self.process.stdout.close()
            self.log.close()
            if not self.keeps:
                shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


class Account:
    """A real UNIX account with a password, for this run of the tests only. Needs root."""

    def __init__(self, groups=(), shell="/bin/bash"):
        self.name = "estiba-t" + secrets.token_hex(3)
        self.password = secrets.token_urlsafe(15)
        self.groups = [f"{self.name}-g{number}" for number in range(groups)] if isinstance(groups, int) else list(groups)
        for group in self.groups:
            subprocess.run(["groupadd", group], check=True, capture_output=True)
        extra = ["--groups", ",".join(self.groups)] if self.groups else []
        subprocess.run(["useradd", "--create-home", "--shell", shell, *extra, self.name], check=True, capture_output=True)
        subprocess.run(["chpasswd"], input=f"{self.name}:{self.password}", text=True, check=True, capture_output=True)
        self.uid = pwd.getpwnam(self.name).pw_uid

    def change(self, *command):
        subprocess.run([*command, self.name], check=True, capture_output=True)
        return self

    def log_in(self, up, password=None, **more):
        return up.http(
            "POST", "login", {"user": self.name, "password": password or self.password}, token=None, **more)

    def token(self, up):
        answer = self.log_in(up)
        if answer.status != 200:
            raise AssertionError(f"{answer.status} {answer.body!r}")
        return answer.json()["token"]

    def remove(self):
        subprocess.run(["userdel", "--remove", "--force", self.name], capture_output=True)
        for group in self.groups:
            subprocess.run(["groupdel", group], capture_output=True)
