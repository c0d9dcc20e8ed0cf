import Testing

@testable import Commands

@Suite("Outcomes")
struct OutcomeTests {
    private func run(
        _ number: Int, _ state: String, code: Int32? = nil, signal: Int32? = nil, reason: Reason? = nil,
        terminal: Bool = true
    ) -> Run {
        Run(
            run: number, node: "node\(number + 1)", state: state, terminal: terminal, code: code, signal: signal,
            reason: reason)
    }

    @Test func `the largest code counts, and who never ran wins over all`() {
        #expect(Outcome([run(0, "exited", code: 0)]).exitCode == 0)
        #expect(Outcome([run(0, "exited", code: 1), run(1, "exited", code: 3)]).exitCode == 3)
        #expect(Outcome([run(0, "signalled", signal: 9)]).exitCode == 137)
        #expect(Outcome([run(0, "timed-out")]).exitCode == 124)
        #expect(Outcome([run(0, "stopped")]).exitCode == 130)
        #expect(Outcome([run(0, "out-of-memory")]).exitCode == 137)
        #expect(Outcome([run(0, "placed")]).exitCode == 0)
        for state in ["refused", "expired", "cancelled", "interrupted"] {
            #expect(Outcome([run(0, "exited", code: 200), run(1, state)]).exitCode == 125)
        }
    }

    @Test func `failed nodes are named by their reasons`() {
        let exists = Reason(code: "exists", sentence: "tool is there already.")
        let outcome = Outcome([
            run(2, "refused", reason: exists), run(0, "exited", code: 0), run(1, "refused", reason: exists),
            run(3, "exited", code: 4),
        ])
        #expect(outcome.failures == "node[2-3]: refused: exists: tool is there already; node4: exit code 4")
        #expect(outcome.failedNodes == "node[2-4]")
        #expect(Outcome([run(0, "exited", code: 0)]).failures == nil)
    }

    @Test(arguments: [
        ("500ms", 500 as UInt64?), ("10s", 10_000), ("5m", 300_000), ("2h", 7_200_000), ("5", nil), ("s", nil),
        ("-5s", nil), ("1d", nil), ("", nil), ("99999999999999999h", nil),
    ])
    func `durations have a unit`(_ text: String, _ milliseconds: UInt64?) {
        #expect(TimeSpan(argument: text)?.milliseconds == milliseconds)
    }

    @Test func `exit codes of refusals`() {
        #expect(CommandError.notLoggedIn(gateway: "").exitCode == 77)
        #expect(CommandError.loginEnded(gateway: "").exitCode == 77)
        #expect(CommandError.away(gateway: "", reason: "").exitCode == 69)
        #expect(CommandError.usage("").exitCode == 2)
        #expect(CommandError.refused(status: 403, Reason(code: "not_permitted", sentence: "")).exitCode == 77)
        #expect(CommandError.refused(status: 400, Reason(code: "bad_command", sentence: "")).exitCode == 2)
        #expect(CommandError.refused(status: 400, Reason(code: "unknown_node", sentence: "")).exitCode == 125)
    }
}
