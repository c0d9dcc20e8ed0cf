"""A compose installation without a container engine: each service of the compose files with its own command, user, environment,
files and volumes, in namespaces of its own (network, mounts, processes, names) that a bridge joins.

The image is stood in for by an overlay over this machine's files, which is given what the Dockerfile's last stage copies and
runs, but for Debian's packages: those must be here."""

import os
import pathlib
import re
import shlex
import shutil
import signal
import subprocess
import tempfile

import estiba
import yaml

COMPOSE = estiba.REPOSITORY / "compose"
STOP_SECONDS = 15


def obstacle():
    """Why namespaces cannot be made here, or None."""
    if not estiba.IS_ROOT:
        return "needs root"
    for program in ["unshare", "nsenter", "ip", "setpriv", "openssl"]:
        if shutil.which(program) is None:
            return f"{program} is missing"
    script = ("mount -t tmpfs t /mnt && mkdir /mnt/u /mnt/w /mnt/m && mount -t overlay o -o lowerdir=/,upperdir=/mnt/u,"
              "workdir=/mnt/w /mnt/m && ip link add e0 type veth peer name e1 && ip link add e2 type bridge")
    done = subprocess.run(["unshare", "-n", "-m", "-p", "-u", "-f", "sh", "-c", script], capture_output=True, text=True)
    return f"no namespaces here: {done.stderr.strip()}" if done.returncode else None


def merged(files, environment):
    """The files laid over one another, `${NAME}` replaced, as compose does for what these files use."""
    whole = {}
    for file in files:
        text = re.sub(r"\$\{(\w+)\}", lambda found: environment[found[1]], (COMPOSE / file).read_text())
        whole = over(whole, yaml.safe_load(text))
    return whole


def over(below, above):
    if isinstance(below, dict) and isinstance(above, dict):
        return {key: over(below.get(key), above[key]) if key in above else below[key] for key in below | above}
    return above if above is not None else below


class Namespace:
    """A network namespace that lives as long as this object holds it; its last process ends with the test."""

    def __init__(self):
        self.holder = subprocess.Popen(
            ["unshare", "-n", "--", "sh", "-c", "ip link set lo up && echo up && exec cat"], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE)
        if self.holder.stdout.readline() != b"up\n":
            raise AssertionError("no network namespace")

    def within(self, *command):
        return ["nsenter", "-t", str(self.holder.pid), "-n", "--", *map(str, command)]

    def run(self, *command):
        subprocess.run(self.within(*command), check=True, capture_output=True)

    def close(self):
        self.holder.stdin.close()
        self.holder.wait(5)
        self.holder.stdout.close()


class Service:
    """A service of the project. `start()` is what `up` does with it, `stop()` what `stop` does."""

    def __init__(self, project, name, facts, address):
        self.project, self.name, self.facts = project, name, facts
        self.network = Namespace()
        self.root = project.folder / "roots" / name
        self.log = project.folder / f"{name}.log"
        self.process = None
        self.address = address
        if "bus" in facts["networks"]:
            self.network.run("ip", "link", "add", "eth0", "type", "veth", "peer", "name", "out", "netns", project.hub.holder.pid)
            self.network.run("ip", "address", "add", f"{address}/24", "dev", "eth0")
            self.network.run("ip", "link", "set", "eth0", "up")
            project.hub.run("ip", "link", "set", "out", "name", f"to-{name}")
            project.hub.run("ip", "link", "set", f"to-{name}", "master", "bridge", "up")

    def mounts(self):
        """Shell lines that make the service's root at $root: image, its preparation, hosts file, volumes."""
        base, build = shlex.quote(str(self.project.base)), shlex.quote(str(estiba.build_folder()))
        yield f"root={shlex.quote(str(self.root))}; mkdir -p $root"
        yield "mount -t tmpfs top $root && mkdir $root/upper $root/work $root/root"
        yield f"mount -t overlay root -o lowerdir=/,upperdir=$root/upper,workdir=$root/work $root/root"
        yield f"root=$root/root; cp -a {base}/. $root"
        yield f"mkdir -p $root/usr/lib/estiba && mount --bind {build} $root/usr/lib/estiba"
        yield "for each in /dev /sys; do mount --rbind $each $root$each; done"
        yield "mount -t proc proc $root/proc; mount -t tmpfs run $root/run; mkdir -p $root/run/estiba"
        yield "chroot $root /usr/libexec/estiba/prepare"
        yield f"cp {shlex.quote(str(self.project.folder))}/hosts $root/etc/hosts"
        yield f"hostname {self.facts.get('hostname', self.name)}"
        for volume in self.facts.get("volumes", []):
            source, target, *options = volume.split(":")
            yield from self.mount(source, target, options)
        if self.facts.get("read_only"):
            yield "mount -o remount,ro $root"

    def mount(self, source, target, options):
        if source.startswith("."):
            place = shlex.quote(str(self.project.compose / source))
            yield f"if [ -d {place} ]; then mkdir -p $root{target}; else touch $root{target}; fi"
        else:
            # A new volume begins as a copy of what the image has there.
            place = shlex.quote(str(self.project.folder / "volumes" / source))
            yield f"mkdir -p $root{target}; [ -e {place} ] || cp -a $root{target} {place}"
        yield f"mount --bind {place} $root{target}"
        if "ro" in options:
            yield f"mount -o remount,bind,ro $root{target}"

    def privileges(self):
        words = ["setpriv"]
        if "user" in self.facts:
            uid, gid = self.facts["user"].split(":")
            words += ["--reuid", uid, "--regid", gid, "--clear-groups"]
        if self.facts.get("cap_drop") == ["ALL"]:
            words += ["--bounding-set", "-all", "--inh-caps", "-all"]
        return words

    def start(self):
        environment = [f"{key}={value}" for key, value in self.facts.get("environment", {}).items()]
        command = shlex.join([
            "env", "-i", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", *environment, *self.privileges(),
            *self.facts["command"]])
        # The shell is process 1, as `init: true` has one: it hands SIGTERM on and reaps; with its end all others end.
        script = "\n".join([
            "set -e", *self.mounts(), f"chroot $root {command} & child=$!", "trap 'kill -TERM $child' TERM", "set +e",
            "wait $child; code=$?", "while kill -0 $child 2>/dev/null; do wait $child; code=$?; done", "exit $code"])
        self.project.keep_addresses()
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.network.within("unshare", "-m", "-p", "-u", "-f", "--kill-child", "--propagation", "private",
                                    "sh", "-c", script), stdout=log, stderr=log, stdin=subprocess.DEVNULL)

    def inside(self):
        """The process that is number 1 in there."""
        children = pathlib.Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return int(children[0]) if children else None

    def is_healthy(self):
        words = self.facts["healthcheck"]["test"][1:]
        first = self.inside()
        return first is not None and subprocess.run(
            ["nsenter", "-t", str(first), "-n", "-m", "-p", "--", "chroot", f"{self.root}/root", *words],
            capture_output=True).returncode == 0

    def stop(self):
        """SIGTERM; the exit code, when it came within the service's own stop_grace_period."""
        first = self.inside()
        if first is not None:
            os.kill(first, signal.SIGTERM)
        return self.process.wait(int(self.facts["stop_grace_period"].removesuffix("s")))

    def close(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.network.close()


class Project:
    """The services of some compose files, started. `with Project("compose.yaml") as project: project.smoke("gateway:7480")`."""

    def __init__(self, *files):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="estiba-compose-"))
        self.folder.chmod(0o755)
        (self.folder / "volumes").mkdir()
        self.compose = self.folder / "compose"
        shutil.copytree(COMPOSE, self.compose, ignore=shutil.ignore_patterns("secrets", ".env"))
        self.services, self.hub = {}, None
        try:
            self.base = self.image()
            self.make_keys()
            self.hub = Namespace()
            self.hub.run("ip", "link", "add", "bridge", "type", "bridge")
            self.hub.run("ip", "address", "add", "10.77.0.1/24", "dev", "bridge")
            self.hub.run("ip", "link", "set", "bridge", "up")
            lines = (self.compose / ".env").read_text().split()
            whole = merged(files, dict(line.split("=", 1) for line in lines))
            for number, (name, facts) in enumerate(whole["services"].items(), 2):
                self.services[name] = Service(self, name, facts, f"10.77.0.{number}")
            for service in self.services.values():
                service.start()
        except BaseException:
            self.close()
            raise

    def image(self):
        """The files that the Dockerfile's last stage copies out of the repository."""
        base = self.folder / "base"
        last = (COMPOSE / "Dockerfile").read_text().split("\nFROM ")[-1]
        for source, target in re.findall(r"^COPY (\S+) (\S+)$", last, re.MULTILINE):
            shutil.copytree(estiba.REPOSITORY / source, base / target.strip("/"), dirs_exist_ok=True)
        if "\nRUN /usr/libexec/estiba/prepare\n" not in last:
            raise AssertionError("the Dockerfile no longer prepares the image as this test does")
        # Files of a checkout may be anybody's and loose; in the image they are root's.
        for path in [base, *base.rglob("*")]:
            os.chown(path, 0, 0)
            path.chmod(path.stat().st_mode & 0o755)
        return base

    def make_keys(self):
        path = f"{estiba.build_folder()}:{os.environ['PATH']}"
        subprocess.run([self.compose / "keys", "here"], check=True, capture_output=True, env=dict(os.environ, PATH=path))

    def keep_addresses(self):
        """The names of the services, for each of them and for the one who looks in from outside."""
        lines = ["127.0.0.1 localhost", *(f"{each.address} {each.name}" for each in self.services.values())]
        (self.folder / "hosts").write_text("\n".join(lines) + "\n")

    def smoke(self, *gateways):
        """compose/smoke, from the bridge's end."""
        script = f"mount --bind {shlex.quote(str(self.folder))}/hosts /etc/hosts && exec \"$@\""
        done = subprocess.run(
            self.hub.within("unshare", "-m", "--propagation", "private", "sh", "-c", script, "sh",
                            self.compose / "smoke", *(f"https://{gateway}" for gateway in gateways)),
            capture_output=True, text=True, timeout=120)
        if done.returncode:
            raise AssertionError(f"{done.stdout}{done.stderr}\n{self.said()}")
        return done.stdout

    def said(self):
        return "\n".join(f"-- {name}\n{each.log.read_text(errors='replace')[-1500:]}"
                         for name, each in self.services.items() if each.log.exists())

    def close(self):
        for service in self.services.values():
            service.close()
        if self.hub:
            self.hub.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
