"""The gateway's HTTP API, as far as a subscriber needs it to fill what the bus has dropped (docs/protocol.md §10)."""

import http.client
import json
import os
import pathlib
import ssl
import struct
import urllib.parse

ENTRY = struct.Struct("<B3sIQQIIQ")    # kind, reserved, run, from, to, length, CRC, time


class Refused(Exception):
    """The gateway has answered, and not with what was asked for."""

    def __init__(self, status, code, sentence):
        super().__init__(sentence)
        self.status, self.code = status, code


class Gateway:
    def __init__(self, url, authority=None):
        """`authority` is a PEM file, for a gateway whose certificate is its own."""
        self.url = url.rstrip("/")
        self.place = urllib.parse.urlsplit(self.url)
        self.tls = ssl.create_default_context(cafile=authority) if self.place.scheme == "https" else None
        self.renewed = None

    @property
    def token(self):
        """ESTIBA_TOKEN, or what `estiba login` has left for this gateway; a fresh one of the gateway's own first."""
        if self.renewed:
            return self.renewed
        if os.environ.get("ESTIBA_TOKEN"):
            return os.environ["ESTIBA_TOKEN"]
        folder = os.environ.get("XDG_CONFIG_HOME") or os.path.expanduser("~/.config")
        try:
            login = json.loads((pathlib.Path(folder) / "estiba/login.json").read_text())
        except (OSError, ValueError):
            return None
        return login.get("token") if login.get("gateway", "").rstrip("/") == self.url else None

    def open(self, path):
        """The answer to a GET, to be read and closed by the caller."""
        kind = http.client.HTTPSConnection if self.tls else http.client.HTTPConnection
        more = {"context": self.tls} if self.tls else {}
        connection = kind(self.place.hostname, self.place.port, timeout=15, **more)
        token = self.token
        if token is None:
            raise Refused(401, "not_logged_in", "not logged in: `estiba login`, or set ESTIBA_TOKEN")
        connection.request("GET", "/api/v1/" + path, headers={"Authorization": "Bearer " + token})
        response = connection.getresponse()
        self.renewed = response.headers.get("Estiba-Token") or self.renewed
        if response.status == 200:
            return response
        if response.status == 401:
            self.renewed = None
        try:
            error = json.loads(response.read())["error"]
        except (ValueError, KeyError):
            error = {"code": "internal", "sentence": f"HTTP {response.status}"}
        raise Refused(response.status, error["code"], error["sentence"])

    def get(self, path):
        with self.open(path) as response:
            return json.load(response)

    def entries(self, execution, node, position):
        """What the gateway's log has of a run from `position` on: (from, to, bytes), None for bytes that are lost."""
        path = f"executions/{execution}/frames?" + urllib.parse.urlencode({"node": node, "position": position})
        with self.open(path) as response:
            while head := response.read(5):
                length, kind = struct.unpack("<IB", head)
                frame = response.read(length)
                if len(frame) < length:
                    raise http.client.IncompleteRead(frame)
                if kind != 2:
                    continue
                offset = 24
                while offset < len(frame):
                    kind, _, _, begin, end, length, _, _ = ENTRY.unpack_from(frame, offset)
                    offset += ENTRY.size
                    yield begin, end, frame[offset:offset + length] if kind == 1 else None
                    offset += length
