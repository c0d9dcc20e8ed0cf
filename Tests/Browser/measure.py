"""What a tab costs: the memory of its renderer and of its JavaScript, and how long a jump in the output takes."""

import pathlib

# Scrolls to a part of the output and waits until all that is in sight is there; milliseconds for each of the parts.
JUMPS = """
const [parts, done] = arguments;
const viewer = document.querySelector(".viewer");
const frame = () => new Promise((resolve) => requestAnimationFrame(resolve));
const isThere = () => {
    const room = viewer.getBoundingClientRect();
    const rows = [...viewer.querySelectorAll(".line")].filter((row) => {
        const place = row.getBoundingClientRect();
        return place.bottom > room.top && place.top < room.bottom;
    });
    return rows.length * 20 >= room.height - 60 && !rows.some((row) => row.classList.contains("coming"));
};
(async () => {
    const times = [];
    for (const part of parts) {
        const before = viewer.querySelector(".line")?.dataset.line;
        const began = performance.now();
        viewer.scrollTop = part * (viewer.scrollHeight - viewer.clientHeight);
        do await frame(); while (viewer.querySelector(".line")?.dataset.line === before || !isThere());
        times.push(performance.now() - began);
    }
    done(times);
})();
"""


def jumps(console, parts):
    return console.driver.execute_async_script(JUMPS, parts)


def renderer_bytes(console):
    """Resident memory of the largest renderer of this browser: the one of the only tab."""
    parents = {}
    for folder in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            parents[int(folder.name)] = int((folder / "stat").read_text().rsplit(")", 1)[1].split()[1])
        except (OSError, ValueError):
            continue
    found = [0]
    for pid in parents:
        if console.driver.service.process.pid not in ancestors(pid, parents):
            continue
        try:
            if b"--type=renderer" in pathlib.Path(f"/proc/{pid}/cmdline").read_bytes():
                status = pathlib.Path(f"/proc/{pid}/status").read_text()
                found.append(1024 * int(status.split("VmRSS:")[1].split()[0]))
        except (OSError, IndexError):
            continue
    return max(found)


def ancestors(pid, parents):
    while pid in parents:
        pid = parents[pid]
        yield pid


def heap_bytes(console):
    """JavaScript's memory after what is not needed any more was given back."""
    console.driver.execute_cdp_cmd("HeapProfiler.collectGarbage", {})
    return console.driver.execute_cdp_cmd("Runtime.getHeapUsage", {})["usedSize"]


def empty_bytes(console):
    """Resident memory of a tab of this place with nothing in it; for a browser that has just begun."""
    console.driver.get(f"{console.url}/health")
    return renderer_bytes(console)
