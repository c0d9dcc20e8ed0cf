import Messages
import Testing

@testable import Gateway

/// What is said only once it is in the journal.
struct CorePendingTests {
    private let id = ExecutionID(high: 1, low: 1)
    private let node = NodeName("web1")!

    @Test func `what could not be written waits on, and what hangs on it is not said`() {
        var pending = Pending()
        #expect(pending.isEmpty)
        let key = RunKey(execution: id, run: 0)
        pending.record(key)
        pending.acknowledge(id, node, sequence: 4)
        pending.complete(id)
        let taken = pending.take()
        #expect(pending.isEmpty && taken.runs == [key] && taken.complete == [id])
        #expect(taken.acknowledgements.map(\.sequence) == [4])
        pending.acknowledge(id, node, sequence: 5)
        pending.takeBack(taken)
        #expect(pending.runs == [key] && pending.complete == [id])
        // The worker says 4 again; 5 came after it was taken, and is said when the next transaction is written.
        #expect(pending.acknowledgements.map(\.sequence) == [5])
    }
}
