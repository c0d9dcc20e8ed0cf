"""What was asked and what was answered, with monotonic times; threads write to it side by side."""

import json
import threading
import time


class History:
    def __init__(self):
        self.began = time.monotonic()
        self.lock = threading.Lock()
        self.events = []

    def note(self, what, **facts):
        """Keeps one event: `asked`, `answered`, `failed`, `seen`, `fault`, …"""
        event = {"at": round(time.monotonic() - self.began, 4), "what": what, **facts}
        with self.lock:
            self.events.append(event)

    def of(self, what):
        with self.lock:
            return [event for event in self.events if event["what"] == what]

    def keep(self, path):
        with self.lock, open(path, "w") as file:
            for event in self.events:
                file.write(json.dumps(event) + "\n")
