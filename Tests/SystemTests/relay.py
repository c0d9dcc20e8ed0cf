"""A relay in front of a gateway: counts what a client sends, holds it back, and cuts it off."""

import re
import socket
import threading
import urllib.parse

ADDRESS = "127.0.0.2"


class Relay:
    """`with Relay(up, cut=N) as relay:` takes connections at `relay.url`. After `cut` bytes from clients their connection is
    closed, once; after `hold` bytes nothing more is taken until `release()`."""

    def __init__(self, up, cut=None, hold=None):
        place = urllib.parse.urlsplit(up.url)
        self.target = (place.hostname, place.port)
        self.url = f"http://{ADDRESS}:{place.port}"
        self.cut, self.hold = cut, hold
        self.sent = 0
        self.connections = 0
        self.reached = threading.Event()
        self.released = threading.Event()
        self.lock = threading.Lock()
        self.sockets = set()
        self.listener = socket.create_server((ADDRESS, place.port))
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            try:
                server = socket.create_connection(self.target)
            except OSError:
                client.close()
                continue
            self.connections += 1
            with self.lock:
                self.sockets |= {client, server}
            threading.Thread(target=self.forward, args=(client, server, True), daemon=True).start()
            threading.Thread(target=self.forward, args=(server, client, False), daemon=True).start()

    def forward(self, source, sink, is_upward):
        try:
            while data := source.recv(65536):
                if is_upward:
                    data = self.count(re.sub(rb"(?i)(host: )127\.0\.0\.2", rb"\g<1>127.0.0.1", data))
                sink.sendall(data)
                if is_upward and self.cut and self.sent >= self.cut:
                    self.cut = None
                    self.reached.set()
                    break
        except OSError:
            pass
        finally:
            for end in (source, sink):
                try:
                    end.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass

    def count(self, data):
        self.sent += len(data)
        if self.hold and self.sent >= self.hold:
            self.hold = None
            self.reached.set()
            # What has come goes on; what comes after it waits.
            self.released.wait(30)
        return data

    def release(self):
        self.released.set()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.released.set()
        # Only this wakes the thread that waits in accept.
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        with self.lock:
            for one in self.sockets:
                try:
                    one.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass
                one.close()
