"""Login sessions that are revoked: they end at once, what waits in them is cancelled, and no node takes an order of them."""

import http.client
import json
import os
import subprocess
import unittest
import urllib.parse

import estiba
import gateways


def shell(line, *nodes, **more):
    return {"nodes": list(nodes), "command": {"shell": line}, **more}


def run_of(gateway, execution, node):
    return {run["node"]: run for run in gateway.http("GET", f"executions/{execution}").json()["runs"]}[node]


def follow_status(case, gateway, token):
    """The nodes' figures as a stream that does not end by itself, its first line read."""
    place = urllib.parse.urlsplit(gateway.url)
    connection = http.client.HTTPConnection(place.hostname, place.port, timeout=20)
    case.addCleanup(connection.close)
    connection.request("GET", "/api/v1/status?follow=true", headers={"Authorization": f"Bearer {token}"})
    answer = connection.getresponse()
    case.assertEqual(answer.status, 200)
    case.assertTrue(answer.readline())
    return answer


class Revoked(unittest.TestCase):
    def test_what_waits_is_cancelled_and_the_node_never_runs_it(self):
        with gateways.Installation(nodes=2) as house:
            g1, mark = house.g1, house.folder / "mark"
            self.assertEqual(g1.http("GET", "whoami").status, 200)
            ana = house.token_of(gateways.USER, os.getuid())
            house.n2.kill()
            estiba.wait_for(lambda: g1.sees("n2", False), 20, "the absence of n2")
            go = house.folder / "go"
            line = f"while [ ! -e {go} ]; do sleep 0.05; done; echo done"
            running = g1.http("POST", "executions", shell(line, "n1"), token=ana).json()["execution"]
            estiba.wait_for(lambda: run_of(g1, running, "n1")["state"] == "running", 20, "the start")
            waiting = g1.http("POST", "executions", shell(f"touch {mark}", "n2"), token=ana).json()["execution"]
            other = g1.submit(shell("echo mine", "n2")).json()["execution"]
            name = g1.http("GET", "whoami", token=ana).json()["session"]
            sessions = [json.loads(each) for each in g1.estiba("sessions", "--json").stdout.splitlines()]
            self.assertIn(name, [one["session"] for one in sessions])
            self.assertEqual(len([one for one in sessions if one.get("own")]), 1)
            done = g1.estiba("sessions", "revoke", name, "--json")
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertEqual(json.loads(done.stdout), {"revoked": [name], "cancelled": 1})
            self.assertEqual(g1.http("GET", "whoami", token=ana).status, 401)
            self.assertEqual(g1.http("POST", "executions", shell("true", "n1"), token=ana).status, 401)
            run = g1.ended(waiting)["n2"]
            self.assertEqual((run["state"], run["reason"]["code"]), ("cancelled", "revoked"))
            self.assertIn("session was revoked before n2 was given the order", run["reason"]["sentence"])
            # What runs goes on, and so does what others asked for; a restart forgets nothing.
            g1.kill()
            g1.launch()
            self.assertEqual(g1.http("GET", "whoami", token=ana).status, 401)
            go.touch()
            self.assertEqual(g1.ended(running)["n1"]["code"], 0)
            house.n2.launch()
            self.assertEqual(g1.ended(other, seconds=60)["n2"]["code"], 0)
            self.assertFalse(mark.exists())

    def test_a_node_that_has_heard_of_it_takes_no_order_of_it_from_another_gateway(self):
        with gateways.Installation(nodes=1) as house:
            g1, g2, mark = house.g1, house.g2, house.folder / "mark"
            self.assertEqual(g1.http("GET", "whoami").status, 200)
            ana = house.token_of(gateways.USER, os.getuid())
            name = g1.http("GET", "whoami", token=ana).json()["session"]
            kept = house.folder / "nodes" / "n1" / "revoked"
            self.assertEqual(g1.http("POST", "sessions/revoke", {"sessions": [name]}).json(), {"revoked": [name], "cancelled": 0})
            estiba.wait_for(kept.exists, 20, "the node's knowledge")
            house.n1.kill()
            house.n1.launch()
            # At the other gateway the session goes on; the node knows better.
            asked = g2.http("POST", "executions", shell(f"touch {mark}", "n1"), token=ana)
            self.assertEqual(asked.status, 202, asked.body)
            run = g2.ended(asked.json()["execution"], seconds=60)["n1"]
            self.assertEqual((run["state"], run["reason"]["code"]), ("refused", "revoked"))
            self.assertFalse(mark.exists())
            # What others ask for goes on.
            fine = g2.submit(shell("true", "n1")).json()["execution"]
            self.assertEqual(g2.ended(fine)["n1"]["code"], 0)

    def test_what_a_node_could_not_write_down_it_writes_when_it_can(self):
        with gateways.Installation(gateways=1, nodes=1) as house:
            g1, kept = house.g1, house.folder / "nodes" / "n1" / "revoked"
            self.assertEqual(g1.http("GET", "whoami").status, 200)
            ana = house.token_of(gateways.USER, os.getuid())
            name = g1.http("GET", "whoami", token=ana).json()["session"]
            estiba.wait_for(lambda: g1.sees("n1"), 20, "n1")
            # A folder in its place: no file can be renamed to it.
            kept.mkdir()
            self.assertEqual(g1.http("POST", "sessions/revoke", {"sessions": [name]}).status, 200)
            estiba.wait_for(lambda: "revoked sessions not kept" in house.n1.log.read_text(), 20, "the failure")
            kept.rmdir()
            estiba.wait_for(kept.is_file, 20, "the file")

    def test_log_out_and_cancel(self):
        with gateways.Installation(gateways=1, nodes=1) as house:
            g1 = house.g1
            self.assertEqual(g1.http("GET", "whoami").status, 200)
            ana = house.token_of(gateways.USER, os.getuid())
            house.n1.kill()
            estiba.wait_for(lambda: g1.sees("n1", False), 20, "the absence of n1")
            waiting = g1.http("POST", "executions", shell("true", "n1"), token=ana).json()["execution"]
            kept = g1.submit(shell("true", "n1")).json()["execution"]
            done = subprocess.run(
                [estiba.build_folder() / "estiba", "logout", "--cancel", "--json"],
                env=dict(os.environ, ESTIBA_GATEWAY=g1.url, ESTIBA_TOKEN=ana, HOME=str(house.folder)), capture_output=True, timeout=60)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertEqual(json.loads(done.stdout), {"cancelled": 1})
            self.assertEqual(g1.http("GET", "whoami", token=ana).status, 401)
            self.assertEqual(run_of(g1, waiting, "n1")["state"], "cancelled")
            self.assertEqual(run_of(g1, kept, "n1")["state"], "waiting")

    def test_one_s_own_and_no_other_s_unless_one_is_an_operator(self):
        with gateways.Installation(gateways=1, nodes=1) as house:
            g1 = house.g1
            mine = g1.http("GET", "whoami").json()["session"]
            first, second = house.token_of("stranger", 4242), house.token_of("stranger", 4242)
            names = [g1.http("GET", "whoami", token=token).json()["session"] for token in (first, second)]
            listed = g1.http("GET", "sessions", token=first).json()["sessions"]
            self.assertEqual({one["session"] for one in listed}, set(names))
            self.assertTrue({mine, *names} <= {one["session"] for one in g1.http("GET", "sessions").json()["sessions"]})
            answer = g1.http("POST", "sessions/revoke", {"sessions": [mine]}, token=first)
            self.assertEqual((answer.status, answer.code), (404, "not_found"))
            answer = g1.http("POST", "sessions/revoke", {"user": gateways.USER}, token=first)
            self.assertEqual((answer.status, answer.code), (403, "not_permitted"))
            for body in ({}, {"sessions": []}, {"sessions": [mine], "user": "x"}):
                self.assertEqual(g1.http("POST", "sessions/revoke", body).status, 400)
            self.assertEqual(g1.http("POST", "sessions/revoke", {"sessions": [names[1]]}, token=first).json()["revoked"], [names[1]])
            self.assertEqual(g1.http("GET", "whoami", token=second).status, 401)
            self.assertEqual(g1.http("POST", "sessions/revoke", {"user": "stranger"}).json()["revoked"], [names[0]])
            self.assertEqual(g1.http("GET", "whoami", token=first).status, 401)
            self.assertEqual(g1.http("GET", "whoami", token=house.token_of("stranger", 4242)).status, 200)

    def test_all_of_a_user_end_with_the_streams_that_are_open_in_them(self):
        with gateways.Installation(gateways=1, nodes=1) as house:
            g1 = house.g1
            self.assertEqual(g1.http("GET", "whoami").status, 200)
            theirs = [follow_status(self, g1, house.token_of("stranger", 4242)) for _ in range(2)]
            mine = follow_status(self, g1, g1.token)
            done = g1.estiba("sessions", "revoke", "--user", "stranger", "--json")
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertEqual(len(json.loads(done.stdout)["revoked"]), 2)
            for stream in theirs:
                # To its end, which does not come by itself: a socket that is quiet for 20 s is an error.
                while stream.readline():
                    pass
            self.assertTrue(mine.readline())

    def test_who_takes_a_gateway_over_knows_what_was_revoked_there(self):
        with gateways.Installation(nodes=1) as house:
            g1, g2 = house.g1, house.g2
            self.assertEqual(g1.http("GET", "whoami").status, 200)
            ana, other = house.token_of(gateways.USER, os.getuid()), house.token_of(gateways.USER, os.getuid())
            name = g1.http("GET", "whoami", token=ana).json()["session"]
            self.assertEqual(g1.http("POST", "sessions/revoke", {"sessions": [name]}).json()["revoked"], [name])
            self.assertEqual(g2.http("GET", "whoami", token=ana).status, 200)
            g1.kill()
            done = g2.estiba("adopt", g1.data)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertEqual(g2.http("GET", "whoami", token=ana).status, 401)
            self.assertEqual(g2.http("GET", "whoami", token=other).status, 200)


if __name__ == "__main__":
    unittest.main()
