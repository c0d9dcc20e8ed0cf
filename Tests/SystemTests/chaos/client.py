"""Does operations at the gateways' HTTP API as the command line does: with a key, again and again until there is an answer."""

import concurrent.futures
import http.client
import json
import random
import socket
import threading
import time

# Answers after which one tries again.
AGAIN = {408, 429, 500, 502, 503, 504, 507}


class NoAnswer(Exception):
    pass


class Client:
    """`start(operation)` returns at once; `finish()` waits for all that is still asked, until `seconds` are over."""

    def __init__(self, gateways, ledger, history, threads=200):
        self.gateways, self.ledger, self.history = gateways, ledger, history
        self.local = threading.local()
        self.pool = concurrent.futures.ThreadPoolExecutor(threads)
        self.waiting = []
        self.until = float("inf")

    # What is asked for

    def command(self, operation, program=None):
        return {"arguments": self.ledger.arguments(
            operation.name, operation.code, operation.lines, operation.seconds, program)}

    def request(self, operation, blob=None):
        request = {"nodes": list(operation.nodes), "command": self.command(operation)}
        if blob:
            name = f"job-{operation.name}"
            request["kind"] = "deploy"
            request["files"] = [{"blob": blob, "name": name, "mode": 0o755, "overwrite": True}]
            request["command"] = self.command(operation, f"./{name}")
        return request

    def start(self, operation):
        self.waiting.append(self.pool.submit(self.do, operation))

    def finish(self, seconds):
        self.until = time.monotonic() + seconds
        for each in self.waiting:
            try:
                each.result()
            except NoAnswer:
                pass
        self.pool.shutdown()

    def do(self, operation):
        if operation.kind == "cut":
            return self.cut(operation)
        blob = self.upload(operation) if operation.kind == "deploy" else None
        request = self.request(operation, blob)
        if operation.kind == "parallel":
            others = [threading.Thread(target=self.ask_quietly, args=(operation, request)) for _ in range(3)]
            for other in others:
                other.start()
            self.ask(operation, request)
            for other in others:
                other.join()
            return None
        execution = self.ask(operation, request)
        if operation.kind == "conflict":
            self.ask(operation, dict(request, command={"arguments": ["true"]}), what="conflict")
        if operation.kind == "stop" and execution:
            time.sleep(operation.part)
            answer, _ = self.patiently(
                operation, "POST", f"executions/{execution}/stop", json.dumps({"graceMilliseconds": 2000}))
            self.history.note("stop", operation=operation.name, execution=execution, status=answer)
        return execution

    def ask(self, operation, request, what="answered"):
        """Hands in; the execution's id, if it was accepted."""
        self.history.note("asked", operation=operation.name, gateway=operation.gateway)
        status, body = self.patiently(operation, "POST", "executions", json.dumps(request), key=operation.key)
        told = json.loads(body)
        execution = told.get("execution")
        self.history.note(
            what, operation=operation.name, gateway=operation.gateway, status=status, execution=execution,
            code=told.get("error", {}).get("code"))
        return execution

    def ask_quietly(self, operation, request):
        try:
            self.ask(operation, request)
        except NoAnswer:
            pass

    def upload(self, operation):
        content = self.ledger.job.read_text() + f"# {operation.name}\n"
        status, body = self.patiently(operation, "POST", "blobs", content)
        if status != 201:
            self.history.note("answered", operation=operation.name, gateway=operation.gateway, status=status, execution=None,
                              code="upload")
            raise NoAnswer(f"upload: {status}")
        return json.loads(body)["blob"]

    def cut(self, operation):
        """Sends a part of a request, or all of it, and leaves without an answer."""
        host, port, token = self.gateways[operation.gateway]
        body = json.dumps(self.request(operation))
        text = (f"POST /api/v1/executions HTTP/1.1\r\nHost: {host}:{port}\r\nAuthorization: Bearer {token}\r\n"
                f"Idempotency-Key: {operation.key}\r\nContent-Type: application/json\r\n"
                f"Content-Length: {len(body)}\r\n\r\n{body}").encode()
        self.history.note("asked", operation=operation.name, gateway=operation.gateway)
        try:
            with socket.create_connection((host, port), timeout=5) as connection:
                connection.sendall(text[:max(1, int(len(text) * operation.part))])
        except OSError:
            pass

    # Asking

    def patiently(self, operation, method, path, body=None, key=None):
        """Asks until there is an answer that is one; (status, body)."""
        pause = 0.05
        while True:
            try:
                status, answer = self.once(operation.gateway, method, path, body, key)
                if status not in AGAIN:
                    return status, answer
                problem = f"{status} {answer[:200]!r}"
            except (OSError, http.client.HTTPException) as error:
                problem = repr(error)
            if time.monotonic() > self.until:
                self.history.note("failed", operation=operation.name, why=problem)
                raise NoAnswer(problem)
            time.sleep(pause * random.uniform(0.5, 1.5))
            pause = min(pause * 2, 1)

    def once(self, gateway, method, path, body=None, key=None):
        host, port, token = self.gateways[gateway]
        connections = self.local.__dict__.setdefault("connections", {})
        connection = connections.get(gateway)
        if connection is None:
            connection = connections[gateway] = http.client.HTTPConnection(host, port, timeout=20)
        fields = {"Authorization": f"Bearer {token}"}
        if key:
            fields["Idempotency-Key"] = key
        if body is not None:
            fields["Content-Type"] = "application/json" if path != "blobs" else "application/octet-stream"
        try:
            connection.request(method, "/api/v1/" + path, body and body.encode(), fields)
            response = connection.getresponse()
            return response.status, response.read()
        except BaseException:
            connection.close()
            raise

    def get(self, gateway, path):
        """The body of what is there, asked for until it is answered."""
        end = time.monotonic() + 30
        while True:
            try:
                status, body = self.once(gateway, "GET", path)
                if status not in AGAIN:
                    return status, body
            except (OSError, http.client.HTTPException):
                pass
            if time.monotonic() > end:
                raise NoAnswer(path)
            time.sleep(0.1)
