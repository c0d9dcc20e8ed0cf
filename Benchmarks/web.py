"""The HTTP API as a measurement uses it: one connection that stays open while it is used, as a browser's does."""
import base64, http.client, json, os, secrets, socket, struct, time, urllib.parse


class Refused(Exception):
    pass


class Web:
    def __init__(self, url, token=None):
        self.place = urllib.parse.urlsplit(url)
        self.token = token
        self.connection = None
        self.last_use = 0

    def ask(self, method, path, body=None, headers=None):
        """The body of a 2xx answer; anything else is `Refused`."""
        fields = {**({"Authorization": f"Bearer {self.token}"} if self.token else {}), **(headers or {})}
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
            fields["Content-Type"] = "application/json"
        # The gateway closes what is idle; a browser notices that, http.client does not.
        if time.monotonic() - self.last_use > 3:
            self.close()
        if self.connection is None:
            self.connection = http.client.HTTPConnection(self.place.hostname, self.place.port, timeout=60)
        try:
            self.connection.request(method, "/api/v1/" + path, body, fields)
            response = self.connection.getresponse()
            content = response.read()
            self.last_use = time.monotonic()
        except (OSError, http.client.HTTPException):
            self.close()
            raise
        if not 200 <= response.status < 300:
            raise Refused(f"{method} {path}: {response.status} {content[:300]!r}")
        return content

    def json(self, *arguments, **more):
        return json.loads(self.ask(*arguments, **more))

    def submit(self, request):
        return self.json("POST", "executions", request, headers={"Idempotency-Key": secrets.token_hex(16)})["execution"]

    def until(self, execution, claim, seconds=60):
        end = time.monotonic() + seconds
        while not claim(view := self.json("GET", f"executions/{execution}")):
            if time.monotonic() > end:
                raise TimeoutError(f"{execution}: {view}")
            time.sleep(0.02)
        return view

    def close(self):
        if self.connection:
            self.connection.close()
            self.connection = None


def live(url, token, receive_buffer=None):
    """A WebSocket of the page, its handshake done: the connection, and the same to read from."""
    place = urllib.parse.urlsplit(url)
    link = socket.socket()
    if receive_buffer:
        link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    link.settimeout(30)
    link.connect((place.hostname, place.port))
    key = base64.b64encode(os.urandom(16)).decode()
    link.sendall((f"GET /api/v1/live HTTP/1.1\r\nHost: {place.netloc}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                  f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\nAuthorization: Bearer {token}\r\n\r\n").encode())
    file = link.makefile("rb", 256 << 10)
    if b" 101 " not in file.readline():
        raise RuntimeError("no WebSocket")
    while file.readline() != b"\r\n":
        pass
    return link, file


def text_frame(message):
    """A command to the gateway, masked by zeros."""
    data = json.dumps(message).encode()
    size = bytes([0x80 | len(data)]) if len(data) < 126 else bytes([0x80 | 126]) + struct.pack(">H", len(data))
    return b"\x81" + size + b"\0\0\0\0" + data
