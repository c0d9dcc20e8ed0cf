"""What the browser tests stand on: a running `estiba up` of the build under test, and a real account."""

import contextlib
import functools
import http.server
import json
import os
import pathlib
import pwd
import secrets
import select
import shutil
import signal
import subprocess
import tempfile
import threading

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
START_SECONDS = 60
STOP_SECONDS = 30


def build_folder():
    """The folder with the programs: ESTIBA_BUILD, else the release build, else the debug build."""
    named = os.environ.get("ESTIBA_BUILD")
    candidates = [named] if named else [".build/release", ".build/debug"]
    for candidate in candidates:
        folder = REPOSITORY / candidate
        if (folder / "estiba").exists():
            return folder
    raise SystemExit(f"no build found in {' or '.join(candidates)}: set ESTIBA_BUILD to the folder with the programs")


class Installation:
    """`estiba up` with three nodes on a free port and a folder of its own, gone when the tests are."""

    def __init__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="estiba-browser-"))
        self.folder.chmod(0o755)
        self.log = open(self.folder / "up.log", "wb")
        self.process = subprocess.Popen(
            [build_folder() / "estiba", "up", "--nodes", "3", "--address", "127.0.0.1:0", "--data", self.folder / "data", "--json"],
            stdout=subprocess.PIPE, stderr=self.log, cwd=self.folder, start_new_session=True)
        try:
            self.facts = json.loads(self._first_line())
        except BaseException:
            self.stop()
            raise

    def _first_line(self):
        ready, _, _ = select.select([self.process.stdout], [], [], START_SECONDS)
        line = self.process.stdout.readline() if ready else b""
        if not line:
            self.log.flush()
            raise AssertionError("estiba up did not come up:\n" + (self.folder / "up.log").read_text(errors="replace")[-4000:])
        return line

    @property
    def url(self):
        return self.facts["url"].rstrip("/")

    def home(self, node, user):
        """A user's home on a node: each of the three has its own."""
        return self.folder / "data" / "nodes" / node / "home" / user

    def _pid(self, part):
        pids = self.folder / "data" / "pids.json"
        facts = json.loads(pids.read_text()) if pids.exists() else self.facts["pids"]
        return facts.get("pids", facts)[part]

    def kill(self, part):
        """Ends a part as a crash would; `estiba up` starts it again."""
        os.kill(self._pid(part), signal.SIGKILL)

    @contextlib.contextmanager
    def halted(self, part):
        """A part that hangs meanwhile."""
        pid = self._pid(part)
        os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(pid, signal.SIGCONT)

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            raise AssertionError(f"estiba up had not ended {STOP_SECONDS} s after SIGTERM")
        finally:
            self.process.stdout.close()
            self.log.close()
            shutil.rmtree(self.folder, ignore_errors=True)


class Account:
    """A real UNIX account with a password, for this run of the tests only. Needs root."""

    def __init__(self, name=None):
        self.name = name or "estiba-page-" + secrets.token_hex(3)
        self.password = secrets.token_urlsafe(15)
        subprocess.run(["useradd", "--create-home", "--shell", "/bin/bash", self.name], check=True, capture_output=True)
        subprocess.run(["chpasswd"], input=f"{self.name}:{self.password}", text=True, check=True, capture_output=True)
        self.uid = pwd.getpwnam(self.name).pw_uid

    def remove(self):
        subprocess.run(["userdel", "--remove", self.name], capture_output=True)


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


class RepositoryServer:
    """Serves the repository's files to a browser that runs the tests of the page's pure modules."""

    def __init__(self):
        handler = functools.partial(QuietHandler, directory=REPOSITORY)
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server.server_port}"

    def stop(self):
        self.server.shutdown()
        self.server.server_close()
