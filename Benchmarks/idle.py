"""M10: what an idle worker and a supervisor cost, read from /proc."""
import os, pathlib, subprocess, time

from estiba import Up


def status(pid, field):
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1])
    return 0


def private_kib(pid):
    text = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) for line in text if line.startswith(("Private_Clean", "Private_Dirty")))


def cpu_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def supervisors():
    found = []
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if b"estiba-supervisor" in (entry / "cmdline").read_bytes().split(b"\0")[0]:
                    found.append(int(entry.name))
            except OSError:
                continue
    return found


def measure(row_text, idle_seconds=30):
    with Up(3) as up:
        worker = up.info["pids"]["node1"]
        subprocess.run(up.command("run", "-n", "node1", "--", "true"), env=up.env, capture_output=True)
        before, start = cpu_seconds(worker), time.monotonic()
        time.sleep(idle_seconds)
        share = (cpu_seconds(worker) - before) / (time.monotonic() - start)
        rss = status(worker, "VmRSS")
        row_text(f"| M10 idle worker | {rss / 1024:.1f} MiB RSS, {share * 100:.2f} % of a core | | <= 25 MiB, < 0.1 % | "
                 f"{'met' if rss <= 25 * 1024 and share < 0.001 else 'missed'} |")
        earlier = set(supervisors())
        subprocess.run(up.command("run", "-n", "node1", "--detach", "--", "sleep", "20"), env=up.env, capture_output=True)
        deadline = time.monotonic() + 5
        mine = set()
        while not mine and time.monotonic() < deadline:
            mine = set(supervisors()) - earlier
        time.sleep(1)
        pid = mine.pop()
        private, rss = private_kib(pid), status(pid, "VmRSS")
        row_text(f"| M10 supervisor | {private / 1024:.1f} MiB private, {rss / 1024:.1f} MiB RSS | | <= 3 MiB, <= 8 MiB | "
                 f"{'met' if private <= 3072 and rss <= 8192 else 'missed'} |")
