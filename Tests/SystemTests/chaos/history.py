"""What was asked and what was answered, with monotonic times; threads write to it side by side."""

import collections
import json
import threading
import time


class History:
    def __init__(self):
        self.began = time.monotonic()
        self.lock = threading.Lock()
        self.events = []
        self.by_kind = collections.defaultdict(list)

    def note(self, what, **facts):
        """Keeps one event: `asked`, `answered`, `failed`, `seen`, `fault`, …"""
        event = {"at": round(time.monotonic() - self.began, 4), "what": what, **facts}
        with self.lock:
            self.events.append(event)
            self.by_kind[what].append(event)

    def of(self, what):
        with self.lock:
            return list(self.by_kind[what])

    def one_of(self, what, dice):
        """Any event of a kind; None where there is none yet."""
        with self.lock:
            return dice.choice(self.by_kind[what]) if self.by_kind[what] else None

    def keep(self, path):
        with self.lock, open(path, "w") as file:
            for event in self.events:
                file.write(json.dumps(event) + "\n")
