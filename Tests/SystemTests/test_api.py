"""Bad input to the API: a typed reason in plain words, and nothing done."""

import secrets
import unittest

import estiba
import shared


class Submissions(shared.Case):
    def test_what_makes_no_sense_is_400_with_a_code(self):
        run = {"arguments": ["true"]}
        cases = [
            ({"nodes": [], "command": run}, "no_nodes"),
            ({"command": run}, None),
            ({"nodes": ["node1"]}, None),
            ({"nodes": ["node1"], "command": {"line": "echo 'open"}}, "bad_command"),
            ({"nodes": ["node1"], "command": {"line": ""}}, "bad_command"),
            ({"nodes": ["node1"], "command": {"arguments": []}}, "bad_command"),
            ({"nodes": ["node1"], "command": {"arguments": ["a\0b"]}}, "bad_command"),
            ({"nodes": ["node1"], "command": {"arguments": ["a"], "line": "b"}}, None),
            ({"nodes": ["node99"], "command": run}, "unknown_node"),
            ({"nodes": ["http://x"], "command": run}, None),
            ({"nodes": ["../node1"], "command": run}, None),
            ({"nodes": ["node1\r\n"], "command": run}, None),
            ({"nodes": "node1", "command": run}, None),
            ({"nodes": ["node1"], "command": run, "environment": {"LD_PRELOAD": "/x.so"}}, None),
        ]
        for request, code in cases:
            with self.subTest(request=request):
                answer = self.up.submit(request)
                self.assertEqual(answer.status, 400, answer.body)
                self.assertTrue(answer.json()["error"]["sentence"])
                if code:
                    self.assertEqual(answer.code, code)
        for body in ["", "{", "[]", "null", "\xff"]:
            answer = self.up.http("POST", "executions", body.encode("latin-1"), headers={"Content-Type": "application/json"})
            self.assertEqual(answer.status, 400, body)

    def test_the_same_key_gives_the_same_execution_once(self):
        key = {"Idempotency-Key": secrets.token_hex(16)}
        request = {"nodes": ["node1"], "command": {"arguments": ["true"]}}
        first = self.up.http("POST", "executions", request, headers=key)
        second = self.up.http("POST", "executions", request, headers=key)
        self.assertEqual((first.status, second.status), (202, 200))
        self.assertEqual(first.json()["execution"], second.json()["execution"])
        other = self.up.http("POST", "executions", {"nodes": ["node2"], "command": {"arguments": ["true"]}}, headers=key)
        self.assertEqual((other.status, other.code), (409, "conflict"))

    def test_reasons_for_one_node(self):
        for command, code in [({"arguments": ["no-such-program"]}, "not_found"), ({"line": "/etc/passwd"}, "not_executable")]:
            run = self.up.outcome({"nodes": ["node1"], "command": command})["node1"]
            self.assertEqual((run["state"], run["reason"]["code"]), ("refused", code))

    def test_a_line_is_split_as_a_shell_would_and_none_runs(self):
        line = """printf '%s|' "a b" c\\ d '$HOME' "x"'y' ';' '>' a"""
        answer = self.up.submit({"nodes": ["node1"], "command": {"line": line}})
        execution = answer.json()["execution"]
        self.up.ended(execution)
        self.assertEqual(self.up.raw(execution), b"a b|c d|$HOME|xy|;|>|a|")

    def test_without_a_login_and_for_what_is_not_there(self):
        for method, path in [
            ("GET", "whoami"), ("GET", "nodes"), ("GET", "executions"), ("POST", "executions"), ("POST", "blobs"),
            ("GET", "executions/00000000000000000000000000"), ("GET", "executions/00000000000000000000000000/frames"),
        ]:
            self.assertEqual(self.up.http(method, path, token=None).status, 401, path)
        answer = self.up.http("GET", "executions/00000000000000000000000000")
        self.assertEqual((answer.status, answer.code), (404, "unknown_execution"))
        self.assertEqual(self.up.http("GET", "/health", token=None).status, 200)

    def test_every_flip_of_a_bit_of_a_token_is_refused(self):
        token = self.up.token
        for index in range(0, len(token), 7):
            letter = "A" if token[index] != "A" else "B"
            self.assertEqual(self.up.http("GET", "whoami", token=token[:index] + letter + token[index + 1:]).status, 401)
        for bad in [token + "=", token + "A", " ", token[:-1]]:
            self.assertEqual(self.up.http("GET", "whoami", token=bad).status, 401)

    def test_a_code_works_once(self):
        code = self.up.facts["loginURL"].split("#code=")[1]
        first = self.up.http("POST", "login/code", {"code": code}, token=None)
        second = self.up.http("POST", "login/code", {"code": code}, token=None)
        self.assertEqual((first.status, second.status), (200, 401))


if __name__ == "__main__":
    unittest.main()
