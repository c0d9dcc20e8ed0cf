"""What can be seen of processes in /proc."""

import pathlib


def processes(mark):
    """Of all processes whose command line or environment holds the bytes: {pid: command line}."""
    found = {}
    for process in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            line = (process / "cmdline").read_bytes()
            if line and (mark in line or mark in (process / "environ").read_bytes()):
                found[int(process.name)] = line.replace(b"\0", b" ").decode(errors="replace").strip()
        except OSError:
            pass
    return found


def alive(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] not in "ZX"
    except OSError:
        return False


def parent(pid):
    try:
        return int(pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1])
    except OSError:
        return None
