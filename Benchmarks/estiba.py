"""An Estiba of its own for a measurement: `estiba up --json` in a folder that goes with it."""
import json, os, shutil, signal, subprocess, sys, tempfile

# Ended from outside, it still takes away what it has made.
signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))

BUILD = os.path.abspath(os.environ.get("ESTIBA_BUILD", ".build/release"))


class Up:
    def __init__(self, nodes):
        self.data = tempfile.mkdtemp(prefix="estiba-bench-")
        self.log = open(f"{self.data}.log", "w")
        self.process = subprocess.Popen(
            [f"{BUILD}/estiba", "up", "--nodes", str(nodes), "--address", "127.0.0.1:0", "--data", self.data, "--json"],
            stdout=subprocess.PIPE, stderr=self.log, text=True, start_new_session=True)
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"estiba up said nothing; see {self.data}.log")
        self.info = json.loads(line)
        self.env = dict(os.environ, ESTIBA_GATEWAY=self.info["url"], ESTIBA_TOKEN=self.info["token"])

    def command(self, *arguments):
        return [f"{BUILD}/estiba", *arguments]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.log.close()
        os.unlink(self.log.name)
        shutil.rmtree(self.data, ignore_errors=True)
