"""The HTTP API as a measurement uses it: one connection that stays open while it is used, as a browser's does."""
import http.client, json, secrets, time, urllib.parse


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
