"""Two gateways: either lists, shows, streams and stops what the other accepted, also while that one is away."""

import json
import secrets
import threading
import unittest

import estiba
import gateways


def shell(line, *nodes, **more):
    return dict({"nodes": list(nodes), "command": {"shell": line}}, **more)


class Gateways(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.all = gateways.Installation()
        cls.all.__enter__()
        cls.addClassCleanup(cls.all.__exit__)
        cls.g1, cls.g2 = cls.all.g1, cls.all.g2

    def accept(self, gateway, request):
        answer = gateway.submit(request)
        self.assertEqual(answer.status, 202, answer.body)
        return answer.json()["execution"]

    def known(self, gateway, execution):
        """The execution at a gateway that may not have heard of it yet."""
        def show():
            answer = gateway.http("GET", f"executions/{execution}")
            return answer.json() if answer.status == 200 else None
        return estiba.wait_for(show, 10, f"{execution} at {gateway.name}")

    def test_an_execution_is_listed_and_shown_at_both(self):
        mine = [self.accept(gateway, shell(f"echo {gateway.name}", "n1", "n2")) for gateway in (self.g1, self.g2, self.g1)]
        for gateway in (self.g1, self.g2):
            for execution in mine:
                self.known(gateway, execution)
                gateway.ended(execution)
            listed = gateway.http("GET", "executions?limit=3").json()["executions"]
            self.assertEqual([one["execution"] for one in listed], mine[::-1])
            self.assertEqual([one["owner"] for one in listed], ["g1", "g2", "g1"])
            self.assertTrue(all("ownerAwaySince" not in one for one in listed))
            # Page by page, over both.
            pages, before = [], ""
            for _ in mine:
                page = gateway.http("GET", f"executions?limit=1{before}").json()["executions"]
                pages += [one["execution"] for one in page]
                before = f"&before={pages[-1]}"
            self.assertEqual(pages, mine[::-1])
        estiba.wait_for(lambda: self.g2.http("GET", f"executions/{mine[0]}").json()["complete"], 10, "its end")
        shown = [gateway.http("GET", f"executions/{mine[0]}").json() for gateway in (self.g1, self.g2)]
        self.assertEqual(shown[0], shown[1])
        self.assertEqual(shown[1]["request"]["command"], {"shell": "echo g1"})
        runs = self.g2.http("GET", "runs?node=n2&limit=3").json()["runs"]
        self.assertEqual([one["execution"]["execution"] for one in runs], mine[::-1])
        self.assertEqual([one["run"]["state"] for one in runs], ["exited"] * 3)

    def test_states_and_output_come_live_at_the_other(self):
        gate = self.all.folder / secrets.token_hex(4)
        line = f"echo one; while [ ! -e {gate} ]; do sleep 0.02; done; echo two; echo wrong >&2; exit 3"
        execution = self.accept(self.g1, shell(line, "n1", "n2"))
        self.known(self.g2, execution)
        following = self.g2.start("logs", "-f", execution, bufsize=0)
        first = following.stdout.readline()
        self.assertIn(first, (b"n1: one\n", b"n2: one\n"))
        # One node's line says nothing of the other.
        estiba.wait_for(lambda: {self.state(self.g2, execution, node) for node in ("n1", "n2")} == {"running"}, what="both runs")
        gate.touch()
        out, errors = following.communicate(timeout=20)
        self.assertEqual(following.returncode, 3)
        self.assertEqual(sorted((first + out).splitlines()), [b"n1: one", b"n1: two", b"n2: one", b"n2: two"])
        self.assertEqual(errors.count(b"wrong"), 2)

    def test_every_way_to_read_an_output_gives_the_same_at_both(self):
        program = "for i in $(seq 1 30000); do echo line $i; [ $((i % 1000)) = 0 ] && echo odd $i >&2; done; printf end"
        execution = self.accept(self.g1, shell(program, "n1", "n2"))
        self.known(self.g2, execution)
        self.g1.ended(execution)
        estiba.wait_for(lambda: self.g2.http("GET", f"executions/{execution}").json()["complete"], 20, "its end")
        ways = ["frames", "frames?follow=true", "frames?node=n2&position=0&follow=true", "output", "output?node=n1",
                "raw?node=n1", "raw?node=n2&stream=stderr", "lines?from=100&count=50", "lines", "text", "groups"]
        for way in ways:
            bodies = [gateway.http("GET", f"executions/{execution}/{way}").body for gateway in (self.g1, self.g2)]
            self.assertEqual(bodies[0], bodies[1], way)
            self.assertGreater(len(bodies[1]), 40, way)
        found = []
        for gateway in (self.g1, self.g2):
            lines = gateway.http("GET", f"executions/{execution}/search?q=line%202999").body.splitlines()
            found.append(sum((json.loads(line)["matches"] for line in lines), []))
        self.assertEqual(found[0], found[1])
        self.assertEqual(len(found[1]), 2 * 11)
        logs = [self.g1.data / "logs" / f"{execution}.log", self.g2.data / "mirrors" / f"{execution}.log"]
        self.assertEqual(logs[0].read_bytes(), logs[1].read_bytes())

    def test_another_user_s_execution_is_unknown_at_both(self):
        execution = self.accept(self.g1, shell("echo mine", "n1"))
        self.known(self.g2, execution)
        stranger = self.all.token_of("stranger", 4242)
        answers = []
        for gateway in (self.g1, self.g2):
            for method, path in [("GET", ""), ("GET", "/frames"), ("GET", "/lines"), ("GET", "/raw?node=n1"), ("POST", "/stop"),
                                 ("POST", "/rollback")]:
                answer = gateway.http(method, f"executions/{execution}{path}", token=stranger)
                answers.append((answer.status, answer.code))
            self.assertEqual(gateway.http("GET", "executions", token=stranger).json()["executions"], [])
        self.assertEqual(set(answers), {(404, "unknown_execution")})

    def test_a_stop_is_handed_on_to_the_owner(self):
        execution = self.accept(self.g1, shell("sleep 60", "n1", "n2"))
        self.known(self.g2, execution)
        done = self.g2.estiba("stop", execution, "-n", "n1", "--grace", "1s")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(done.stdout, b"n1: stopped, 0 processes left\n")
        # All of mine on a node, of both gateways.
        other = self.accept(self.g2, shell("sleep 60", "n2"))
        for gateway in (self.g1, self.g2):
            self.known(gateway, other)
            estiba.wait_for(lambda: self.state(gateway, execution, "n2") == "running", 10, "its start")
        done = self.g2.estiba("stop", "--mine", "-n", "n2", "--grace", "1s")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(
            sorted(done.stdout.split(b"\n")[:-1]), sorted(f"{one} n2: stopped, 0 processes left".encode() for one in (execution, other)))
        for gateway in (self.g1, self.g2):
            self.assertEqual({run["state"] for run in gateway.ended(execution).values()}, {"stopped"})

    def state(self, gateway, execution, node):
        runs = gateway.http("GET", f"executions/{execution}").json().get("runs", [])
        return next((run["state"] for run in runs if run["node"] == node), None)

    def test_a_rollback_of_what_the_other_placed(self):
        name = f"placed-{secrets.token_hex(4)}"
        blob = [gateway.blob(content) for gateway, content in [(self.g1, b"first"), (self.g1, b"second")]]
        placed = self.all.folder / "nodes" / "n1" / "home" / gateways.USER / name
        file = {"name": name, "overwrite": True, "keepPrevious": True}
        for one in blob:
            execution = self.g1.submit({"nodes": ["n1"], "files": [dict(file, blob=one)]}).json()["execution"]
            self.g1.ended(execution)
        self.assertEqual(placed.read_bytes(), b"second")
        self.known(self.g2, execution)
        back = self.g2.http("POST", f"executions/{execution}/rollback", {}, headers={"Idempotency-Key": secrets.token_hex(8)})
        self.assertEqual(back.status, 202, back.body)
        self.assertEqual(self.g2.ended(back.json()["execution"])["n1"]["state"], "placed")
        self.assertEqual(placed.read_bytes(), b"first")
        self.assertEqual(back.json()["owner"], "g2")

    def test_the_owner_is_killed_while_the_other_follows(self):
        gate = self.all.folder / secrets.token_hex(4)
        lines = 20_000
        line = f"for i in $(seq {lines}); do echo line $i; [ $i = {lines // 2} ] && while [ ! -e {gate} ]; do sleep 0.05; done; done; true"
        execution = self.accept(self.g1, shell(line, "n1"))
        self.known(self.g2, execution)
        following = self.g2.start("logs", "-f", execution, "--raw")
        found = {}
        reader = threading.Thread(target=lambda: found.update(out=following.stdout.read()))
        said = threading.Thread(target=lambda: found.update(said=[line for line in following.stderr]))
        reader.start()
        said.start()
        self.g1.kill()
        self.addCleanup(lambda: self.g1.process or self.g1.launch())

        def away():
            return self.g2.http("GET", f"executions/{execution}").json().get("ownerAwaySince")
        estiba.wait_for(away, 10, "word of its absence")
        listed = self.g2.estiba("ps")
        self.assertIn(b"the gateway g1 is away since", listed.stderr)
        self.assertIn(execution.encode(), listed.stdout)
        self.assertIn(b"its runs go on", self.g2.estiba("show", execution).stdout)
        gate.touch()
        # What is here is served, and says that it may not be all.
        answer = self.g2.http("GET", f"executions/{execution}/raw?node=n1")
        self.assertIn("Estiba-Owner-Away", answer.headers)
        self.g1.launch()
        reader.join(60)
        said.join(10)
        self.assertEqual(following.wait(30), 0, found)
        self.assertEqual(found["out"], "".join(f"line {number}\n" for number in range(1, lines + 1)).encode())
        notes = b"".join(found["said"])
        self.assertIn(b"the gateway g1 is away since", notes)
        self.assertIn(b"the gateway g1 is back", notes)
        for process in (following,):
            process.stdout.close()
            process.stderr.close()

    def test_a_stop_reaches_the_nodes_while_the_owner_is_away(self):
        execution = self.accept(self.g1, shell("sleep 300", "n1"))
        estiba.wait_for(lambda: self.known(self.g2, execution)["runs"][0]["state"] == "running", 10, "its start")
        # A node that is away: what waits for it there is not to start.
        self.all.n2.kill()
        self.addCleanup(lambda: self.all.n2.process or self.all.n2.launch())
        for gateway in (self.g1, self.g2):
            estiba.wait_for(lambda: gateway.sees("n2", False), 20, "the absence of n2")
        mark = self.all.folder / secrets.token_hex(4)
        waiting = self.accept(self.g1, shell(f"touch {mark}", "n2"))
        self.known(self.g2, waiting)
        self.g1.kill()
        self.addCleanup(lambda: self.g1.process or self.g1.launch())
        estiba.wait_for(lambda: self.known(self.g2, execution).get("ownerAwaySince"), 10, "word of its absence")
        done = self.g2.estiba("stop", execution, "--grace", "1s")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(done.stdout, b"n1: stopped, 0 processes left\n")
        self.assertIn(b"0 processes left", done.stderr)
        self.assertEqual(self.g2.estiba("stop", waiting, "--no-wait").returncode, 0)
        # The other way round: kept over a restart of the gateway that was asked.
        self.assertEqual(self.g2.stop(), 0)
        self.g2.launch()
        self.all.n2.launch()
        estiba.wait_for(lambda: self.state(self.g2, waiting, "n2") == "cancelled", 30, "the stop of what waits")
        self.g1.launch()
        for gateway in (self.g1, self.g2):
            estiba.wait_for(lambda: self.known(gateway, waiting)["complete"], 30, "the owner's word")
            self.assertEqual(gateway.ended(execution)["n1"]["state"], "stopped")
            self.assertEqual(gateway.ended(waiting)["n2"]["state"], "cancelled")
        self.assertFalse(mark.exists())

    def test_the_copy_of_a_log_outlives_a_restart(self):
        execution = self.accept(self.g1, shell("seq 1 50000", "n1"))
        self.known(self.g2, execution)
        self.g1.ended(execution)
        wanted = self.g1.raw(execution, "n1")
        self.assertEqual(wanted, "".join(f"{number}\n" for number in range(1, 50_001)).encode())
        self.assertEqual(self.g2.raw(execution, "n1"), wanted)
        estiba.wait_for(lambda: self.known(self.g2, execution)["complete"], 10, "its end")
        self.assertEqual(self.g2.stop(), 0)
        self.g1.kill()
        self.addCleanup(lambda: self.g1.process or self.g1.launch())
        self.g2.launch()
        answer = self.g2.http("GET", f"executions/{execution}/raw?node=n1")
        self.assertEqual(answer.body, wanted)
        self.assertNotIn("Estiba-Owner-Away", answer.headers)


class Copies(unittest.TestCase):
    def test_copies_of_another_gateway_s_logs_are_shown_bounded_and_swept(self):
        with gateways.Installation(nodes=1, gateway_settings=["mirrorBytes: 1MiB", "mirrorsKept: 2s", "sweepPeriod: 1s"]) as house:
            def held():
                return house.g2.http("GET", "storage").json()["mirrors"]

            def copied(line):
                execution = house.g1.submit(shell(line, "n1")).json()["execution"]
                house.g1.ended(execution)
                estiba.wait_for(lambda: house.g2.http("GET", f"executions/{execution}").json().get("complete"), 20, "it at g2")
                return execution, house.g2.http("GET", f"executions/{execution}/raw?node=n1")

            self.assertEqual(held(), {"count": 0, "bytes": 0, "limit": 1 << 20, "kept": 2})
            execution, answer = copied("seq 1 20000")
            self.assertEqual(len(answer.body.splitlines()), 20000)
            folder = house.g2.data / "mirrors"
            self.assertTrue((folder / f"{execution}.log").exists())
            said = house.g2.estiba("status", "--storage").stdout.decode()
            self.assertRegex(said, r"copies of other gateways' output .* 1\.0 MiB +2 seconds after they were last read")
            estiba.wait_for(lambda: held()["count"] == 0, 20, "the sweep")
            self.assertEqual(list(folder.iterdir()), [])
            self.assertEqual(held()["bytes"], 0)
            # It is copied again when somebody reads it again, and not beyond the bound.
            again = house.g2.http("GET", f"executions/{execution}/raw?node=n1")
            self.assertEqual(again.body, answer.body)
            _, refused = copied("seq 1 500000")
            self.assertEqual(refused.code, "too_large")


class Adoption(unittest.TestCase):
    """One gateway takes over the folder of the other."""

    def test_all_that_a_gateway_had_goes_on_at_another(self):
        with gateways.Installation(nodes=3) as house:
            g1, g2 = house.g1, house.g2
            gate, mark = house.folder / "gate", house.folder / "mark"
            ended = g1.submit(shell("seq 1 20000; exit 4", "n1")).json()["execution"]
            g1.ended(ended)
            line = f"seq 1 30000; while [ ! -e {gate} ]; do sleep 0.05; done; seq 30001 60000; exit 5"
            running = g1.submit(shell(line, "n1", "n2")).json()["execution"]
            house.n3.kill()
            estiba.wait_for(lambda: g1.sees("n3", False), 20, "the absence of n3")
            waiting = g1.submit(shell(f"echo late; touch {mark}", "n3")).json()["execution"]
            stopped = g1.submit(shell(f"touch {mark}2", "n3")).json()["execution"]
            placed = g1.submit({"nodes": ["n3"], "files": [{"blob": g1.blob(b"of g1" * 1000), "name": "brought"}]}).json()["execution"]
            for execution in (ended, running, waiting, stopped, placed):
                estiba.wait_for(lambda: g2.http("GET", f"executions/{execution}").status == 200, 10, "it at g2")
            following = g2.start("logs", "-f", running, "--node", "n2", "--raw", bufsize=0)
            first = following.stdout.read(100)
            # A gateway that lives keeps what is its own.
            refused = g2.estiba("adopt", g1.data)
            self.assertEqual(refused.returncode, 125)
            self.assertIn(b"busy: A gateway runs on", refused.stderr)
            g1.kill()
            estiba.wait_for(lambda: g2.http("GET", f"executions/{running}").json().get("ownerAwaySince"), 10, "its absence")
            self.assertEqual(g2.estiba("stop", stopped, "--no-wait").returncode, 0)
            # One run ends while nobody owns it.
            done = g2.estiba("adopt", g1.data, "--json")
            self.assertEqual(done.returncode, 0, done.stderr)
            last = json.loads(done.stdout.splitlines()[-1])
            self.assertEqual((last["from"], last["adopted"], last["unfinished"], last["done"]), ("g1", 5, 4, True))
            again = g2.estiba("adopt", g1.data)
            self.assertEqual(again.returncode, 0, again.stderr)
            self.assertIn(b"all of it was here already", again.stderr)
            with self.assertRaisesRegex(AssertionError, "taken over by the gateway g2"):
                g1.launch()
            gate.touch()
            runs = g2.ended(running)
            self.assertEqual([(run["state"], run["code"]) for run in runs.values()], [("exited", 5)] * 2)
            wanted = "".join(f"{number}\n" for number in range(1, 60001)).encode()
            out, errors = following.communicate(timeout=30)
            self.assertEqual(first + out, wanted)
            self.assertEqual(following.returncode, 5, errors)
            for node in ("n1", "n2"):
                self.assertEqual(g2.raw(running, node), wanted)
            estiba.wait_for(lambda: g2.http("GET", f"executions/{running}").json()["complete"], 10, "its end")
            self.assertEqual(g2.ended(ended)["n1"]["code"], 4)
            self.assertEqual(g2.raw(ended, "n1"), "".join(f"{number}\n" for number in range(1, 20001)).encode())
            house.n3.launch()
            self.assertEqual(g2.ended(waiting)["n3"]["state"], "exited")
            self.assertTrue(mark.exists())
            self.assertEqual(g2.raw(waiting, "n3"), b"late\n")
            self.assertEqual(g2.ended(stopped)["n3"]["state"], "cancelled")
            self.assertFalse(house.folder.joinpath("mark2").exists())
            self.assertEqual(g2.ended(placed)["n3"]["state"], "placed")
            self.assertEqual(
                (house.folder / "nodes" / "n3" / "home" / gateways.USER / "brought").read_bytes(), b"of g1" * 1000)
            listed = g2.http("GET", "executions?limit=10").json()["executions"]
            self.assertEqual([one["execution"] for one in listed], [placed, stopped, waiting, running, ended])
            self.assertEqual({one["owner"] for one in listed}, {"g2"})
            # Nodes owe nothing to the gateway that is gone: their runs are let go.
            for node in house.nodes:
                runs = house.folder / "nodes" / node.name / "runs"
                estiba.wait_for(lambda: all((one / "settled").exists() for one in runs.iterdir()), 20, f"{node.name} to settle")

    def test_who_else_lists_it_sees_the_new_owner(self):
        with gateways.Installation(gateways=3, nodes=1) as house:
            gate = house.folder / "gate"
            execution = house.g1.submit(shell(f"echo one; while [ ! -e {gate} ]; do sleep 0.05; done; echo two", "n1")).json()["execution"]

            def owner():
                answer = house.g3.http("GET", f"executions/{execution}")
                return answer.json()["owner"] if answer.status == 200 else None
            estiba.wait_for(lambda: owner() == "g1", 10, "it at g3")
            following = house.g3.start("logs", "-f", execution, bufsize=0)
            self.assertEqual(following.stdout.readline(), b"n1: one\n")
            # The worker is killed too: whom the run belongs to is told when it is back.
            house.n1.kill()
            house.g1.kill()
            self.assertEqual(house.g2.estiba("adopt", house.g1.data).returncode, 0)
            house.n1.launch()
            estiba.wait_for(lambda: owner() == "g2", 10, "the new owner at g3")
            house.g2.kill()
            house.g2.launch()
            gate.touch()
            out, errors = following.communicate(timeout=40)
            self.assertEqual((following.returncode, out), (0, b"n1: two\n"), errors)

    def test_who_is_killed_in_the_middle_takes_over_the_rest(self):
        with gateways.Installation(nodes=2) as house:
            house.n2.kill()
            estiba.wait_for(lambda: house.g1.sees("n2", False), 20, "the absence of n2")
            wish = {"executions": [shell("true", "n2", waitMilliseconds=3_600_000)] * 100}
            for number in range(8):
                answer = house.g1.http("POST", "submissions", wish, headers={"Idempotency-Key": str(number)})
                self.assertEqual(answer.status, 202)
            last = house.g1.submit(shell("echo last", "n2")).json()["execution"]
            house.g1.kill()
            for _ in range(3):
                adopting = house.g2.start("adopt", house.g1.data, "--json", bufsize=0)
                while json.loads(adopting.stdout.readline())["executions"] < 100:
                    pass
                house.g2.kill()
                errors = adopting.communicate(timeout=30)[1]
                # That the gateway is away, and what to do: EX_UNAVAILABLE.
                self.assertEqual(adopting.returncode, 69, errors)
                self.assertIn(b"do it again, it goes on where it was", errors)
                house.g2.launch()
            # What was taken over by then is owned, what was not is still the other's.
            done = house.g2.estiba("adopt", house.g1.data, "--json")
            self.assertEqual(done.returncode, 0, done.stderr)
            said = json.loads(done.stdout.splitlines()[-1])
            self.assertEqual((said["executions"], said["done"]), (801, True))
            self.assertLess(said["adopted"], 801)
            listed, before = [], ""
            while page := house.g2.http("GET", f"executions?limit=200{before}").json()["executions"]:
                listed += page
                before = f"&before={page[-1]['execution']}"
            self.assertEqual(len({one["execution"] for one in listed}), 801)
            self.assertEqual({one["owner"] for one in listed}, {"g2"})
            house.n2.launch()
            self.assertEqual(house.g2.ended(last, seconds=60)["n2"]["state"], "exited")
            self.assertEqual(house.g2.raw(last, "n2"), b"last\n")

    def test_only_an_operator_may(self):
        with gateways.Installation(nodes=1) as house:
            house.g1.kill()
            stranger = house.token_of("stranger", 4242)
            answer = house.g2.http("POST", "adopt", {"folder": str(house.g1.data)}, token=stranger)
            self.assertEqual((answer.status, answer.code), (403, "not_permitted"))
            for folder, code in [("/nowhere", "no_such_folder"), (str(house.folder), "no_such_folder"), ("/tmp", "permission")]:
                answer = house.g2.http("POST", "adopt", {"folder": folder})
                self.assertEqual(json.loads(answer.body)["error"]["code"], code, answer.body)
            self.assertFalse((house.g1.data / "adopted").exists())


if __name__ == "__main__":
    unittest.main()
