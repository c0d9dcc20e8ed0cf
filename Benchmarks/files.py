"""M4: 100 MB to ten workers on one disk, compared with the source afterwards, beside clush, Salt and ten local copies."""
import filecmp, os, pathlib, shutil, statistics, subprocess, sys, tempfile, threading, time

from estiba import Up
from idle import status
from peers import HOSTS, Salt, Ssh

SIZE = 100 * 10**6
NODES = [f"node{number}" for number in range(1, 11)]
LIMIT_SECONDS = 120


class Growth:
    """How much a process's resident memory grew while this was looked at, in MiB; `pid` may be a function that says whose, where a
    process takes another's place."""

    def __init__(self, pid):
        self.pid, self.most = pid, 0
        self.before = self.resident()
        self.over = threading.Event()
        self.thread = threading.Thread(target=self.look, daemon=True)
        self.thread.start()

    def resident(self):
        try:
            return status(self.pid() if callable(self.pid) else self.pid, "VmRSS")
        except OSError:
            return 0

    def look(self):
        while not self.over.wait(0.05):
            self.most = max(self.most, self.resident())

    def end(self):
        self.over.set()
        self.thread.join()
        return (max(self.most, self.resident()) - self.before) / 1024


# What a deployment writes: a file of each worker's own and the user's, and some more; where there is that much.
TOUCHED = min(4 << 30, os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2)


def touched():
    """Memory that the machine has: a guest's host gives it pages at their first touch only, which takes longer than to copy them."""
    subprocess.run([sys.executable, "-c", f"import mmap; m = mmap.mmap(-1, {TOUCHED}); [m.__setitem__(at, 1) for at in range(0, {TOUCHED}, 4096)]"],
                   check=True)


def fresh(path):
    """Bytes that no cache has seen, and pages to write them to."""
    touched()
    with open(path, "wb") as out:
        for _ in range(SIZE // 10**6):
            out.write(os.urandom(10**6))


def timed(command, environment=None):
    start = time.perf_counter()
    done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=environment, timeout=LIMIT_SECONDS)
    elapsed = time.perf_counter() - start
    if done.returncode != 0:
        raise RuntimeError(f"{command[0]}: {done.stderr.decode(errors='replace')[-300:]}")
    return elapsed


def same(source, targets):
    for target in targets:
        if not filecmp.cmp(source, target, shallow=False):
            raise RuntimeError(f"{target} is not what was sent")
        os.unlink(target)


def ours(up, folder):
    fresh(f"{folder}/estiba.bin")
    elapsed = timed(up.command("deploy", f"{folder}/estiba.bin", "-n", "node[1-10]", "--overwrite"), up.env)
    same(f"{folder}/estiba.bin", [next(pathlib.Path(up.data).glob(f"nodes/{node}/home/*/estiba.bin")) for node in NODES])
    return elapsed


def clush(ssh, folder):
    fresh(f"{folder}/clush.bin")
    elapsed = timed(ssh.clush_copy(HOSTS, f"{folder}/clush.bin"))
    same(f"{folder}/clush.bin", [f"{ssh.taken(host)}/clush.bin" for host in HOSTS])
    return elapsed


def salt(master, folder):
    fresh(f"{master.files}/salt.bin")
    elapsed = timed(master.command("cp.get_file", "salt://salt.bin", f"{folder}/salt-{{{{grains.id}}}}.bin", "template=jinja"))
    same(f"{master.files}/salt.bin", [f"{folder}/salt-m{number}.bin" for number in range(1, 11)])
    return elapsed


def local(folder):
    """The limit: ten copies by cp(1), all at once, nothing checked."""
    fresh(f"{folder}/local.bin")
    start = time.perf_counter()
    for run in [subprocess.Popen(["cp", f"{folder}/local.bin", f"{folder}/local-{number}.bin"]) for number in range(10)]:
        run.wait()
    elapsed = time.perf_counter() - start
    same(f"{folder}/local.bin", [f"{folder}/local-{number}.bin" for number in range(10)])
    return elapsed


def median(runs, work, *arguments):
    try:
        return statistics.median(work(*arguments) for _ in range(runs))
    except (RuntimeError, OSError, subprocess.TimeoutExpired, StopIteration) as error:
        print(f"(M4, {work.__name__}: {error})", file=sys.stderr)
        return None


def measure(row, show, runs):
    folder = tempfile.mkdtemp(prefix="estiba-bench-files-")
    try:
        peers = {}
        with Up(10) as up:
            growth = Growth(up.info["pids"]["gateway"])
            mine = median(runs, ours, up, folder)
            grown = growth.end()
        limit = median(runs, local, folder)
        if shutil.which("clush"):
            ssh = Ssh()
            peers["clush"] = median(min(runs, 3), clush, ssh, folder)
            ssh.close()
        try:
            master = Salt()
        except (FileNotFoundError, RuntimeError) as error:
            print(f"(Salt left out: {error})", file=sys.stderr)
        else:
            peers["salt"] = median(min(runs, 3), salt, master, folder)
            master.close()
        others = [value for value in peers.values() if value is not None]
        met = mine is not None and limit is not None and mine <= 5 * limit and all(mine < value for value in others) and grown <= 64
        row(f"| M4 100 MB to 10 nodes, verified | {show(mine)}, gateway + {grown:.0f} MiB | "
            + " · ".join(f"{name} {show(value)}" for name, value in {**peers, "ten local copies": limit}.items())
            + f" | faster than the peers, <= 5 x local copies, <= 64 MiB | {'met' if met else 'missed'} |")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
