"""The checker of the chaos run finds what it must: each of these histories was doctored in one place."""

import unittest

from chaos import checker, generator, ledger, nemesis


def operation(kind="lines", lines=6, code=0, nodes=("node1",)):
    return generator.Operation("1-0", 0, kind, 0, nodes, code=code, lines=lines)


def evidence(made=None, state="exited", **run):
    """One operation, asked for, accepted, run and ended as it should."""
    made = made or operation()
    first = dict({"node": "node1", "state": state, "code": made.code}, **run)
    printed = ledger.output(made.name, made.lines)
    return checker.Evidence(
        operations=[made],
        history=[{"what": "answered", "operation": "1-0", "gateway": 0, "status": 202, "execution": "X", "code": None}],
        ledger=ledger.parse(f"X node1 1-0 start\nX node1 1-0 end {made.code}\n"),
        executions={"X": {"operation": "1-0", "gateway": 0, "complete": True, "runs": [first]}},
        outputs={("X", "node1", stream): content for stream, content in printed.items()})


class Checker(unittest.TestCase):
    def found(self, doctored, words):
        violations = checker.check(doctored)
        self.assertEqual(len(violations), 1, violations)
        self.assertIn(words, violations[0])

    def test_nothing_is_wrong_with_a_run_that_went_well(self):
        self.assertEqual(checker.check(evidence()), [])
        self.assertEqual(checker.check(evidence(operation(code=7))), [])

    def test_an_accepted_execution_that_nobody_lists_is_lost(self):
        doctored = evidence()
        doctored.history.append(dict(doctored.history[0], operation="1-0", execution="X"))
        doctored.executions, doctored.ledger = {}, []
        self.found(doctored, "which is lost")

    def test_two_executions_of_one_key(self):
        doctored = evidence(operation(lines=0))
        doctored.executions["Y"] = doctored.executions["X"]
        doctored.ledger += ledger.parse("Y node1 1-0 start\nY node1 1-0 end 0\n")
        self.found(doctored, "executed 2 times")

    def test_two_answers_to_one_key(self):
        doctored = evidence()
        doctored.history.append(dict(doctored.history[0], execution="Y"))
        self.assertIn("answered with several", checker.check(doctored)[0])

    def test_another_request_under_the_same_key_must_be_a_conflict(self):
        doctored = evidence()
        doctored.history.append({"what": "conflict", "operation": "1-0", "status": 200})
        self.found(doctored, "was answered 200")

    def test_an_answer_that_never_came_and_one_that_refuses(self):
        doctored = evidence()
        doctored.history.append({"what": "failed", "operation": "1-0", "why": "timed out"})
        self.found(doctored, "never answered")
        doctored = evidence()
        doctored.history.append(dict(doctored.history[0], status=500, code="internal"))
        self.found(doctored, "refused, 500")

    def test_a_second_start(self):
        doctored = evidence()
        doctored.ledger += ledger.parse("X node1 1-0 start\n")
        self.assertIn("was started 2 times", checker.check(doctored)[0])

    def test_a_start_of_what_is_said_not_to_have_started(self):
        doctored = evidence(operation("stop", lines=0), "cancelled", reason={"code": "cancelled"})
        self.found(doctored, "is cancelled, and was started")

    def test_an_exit_without_a_start_or_without_an_end(self):
        doctored = evidence()
        doctored.ledger = []
        self.found(doctored, "0 starts and 0 ends")
        doctored = evidence()
        doctored.ledger.pop()
        self.found(doctored, "1 starts and 0 ends")

    def test_a_run_that_nobody_knows(self):
        doctored = evidence()
        doctored.ledger += ledger.parse("Z node1 1-9 start\n")
        self.found(doctored, "is unknown")

    def test_a_state_that_is_not_the_last(self):
        for state in ["waiting", "delivered", "running"]:
            doctored = evidence(operation(lines=0), state)
            self.found(doctored, f"is still {state}")

    def test_a_last_state_that_was_another_one_before(self):
        doctored = evidence()
        doctored.history.append({"what": "seen", "execution": "X", "node": "node1", "state": "interrupted"})
        self.found(doctored, "was interrupted and is exited")

    def test_no_reason_and_a_state_without_cause(self):
        doctored = evidence(operation("stop", lines=0), "cancelled")
        doctored.ledger = []
        self.found(doctored, "without a reason")
        doctored = evidence(operation(lines=0), "refused", reason={"code": "internal"})
        doctored.ledger = []
        self.found(doctored, "is refused")

    def test_no_space_is_a_cause_only_where_a_disk_was_full(self):
        doctored = evidence(operation(lines=0), "refused", reason={"code": "no_space"})
        doctored.ledger = []
        self.found(doctored, "is refused")
        doctored.history.append({"what": "fault", "fault": "full"})
        self.assertEqual(checker.check(doctored), [])

    def test_another_exit_code(self):
        self.found(evidence(code=1), "exited with 1, not 0")

    def test_a_run_that_had_begun_is_interrupted_only_by_the_end_of_its_supervisor(self):
        doctored = evidence(operation(lines=0), "interrupted", reason={"code": "gone"})
        self.found(doctored, "0 supervisors were killed")
        doctored.supervisors_killed = 1
        self.assertEqual(checker.check(doctored), [])

    def test_output_that_lacks_a_byte_doubles_one_or_is_out_of_order(self):
        whole = evidence().outputs["X", "node1", "stdout"]
        lines = whole.splitlines(True)
        for doctored_bytes in [whole[:-1], whole + b"\n", b"".join([lines[1], lines[0], *lines[2:]]), b""]:
            doctored = evidence()
            doctored.outputs["X", "node1", "stdout"] = doctored_bytes
            self.found(doctored, "differs")
        doctored = evidence(operation("stop"), "stopped")
        doctored.outputs["X", "node1", "stdout"] = whole[:20]
        self.assertEqual(checker.check(doctored), [])
        doctored.outputs["X", "node1", "stdout"] = whole[1:20]
        self.found(doctored, "no beginning")

    def test_an_execution_that_never_becomes_complete_and_what_is_left_over(self):
        doctored = evidence()
        doctored.executions["X"]["complete"] = False
        self.found(doctored, "never became complete")
        doctored = evidence()
        doctored.leftovers = ["17 sleep 45"]
        self.found(doctored, "a process is left")
        doctored = evidence()
        doctored.missing = ["node1"]
        self.found(doctored, "not there any more")
        doctored = evidence()
        doctored.silent = ["node1 to gateway 1"]
        self.found(doctored, "no output from node1")
        doctored = evidence()
        doctored.crashes = ["gateway1: Assertion failed: !_more (src/fq.cpp:112)"]
        self.found(doctored, "a part crashed: gateway1")


class Seeds(unittest.TestCase):
    def test_the_same_seed_gives_the_same_wishes_and_faults(self):
        parts = {"broker": ["broker"], "worker": ["node1", "node2"], "gateway": ["gateway"]}
        for seed in (1, 2):
            self.assertEqual(generator.operations(seed, 10, 20), generator.operations(seed, 10, 20))
            self.assertEqual(nemesis.plan(seed, 10, 20, parts), nemesis.plan(seed, 10, 20, parts))
        self.assertNotEqual(nemesis.plan(1, 10, 20, parts), nemesis.plan(2, 10, 20, parts))
        kinds = {each.kind for each in generator.operations(1, 60, 10)}
        self.assertEqual(kinds, set(generator.KINDS))
        self.assertEqual(sum(fault.what == "kill" for fault in nemesis.plan(1, 10, 20, parts)), 20)


if __name__ == "__main__":
    unittest.main()
