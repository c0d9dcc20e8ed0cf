import Messages
import Testing

@testable import Gateway

/// Which requests for pieces of files become one message, and when it is sent.
@Suite struct CoreChunkQueueTests {
    private let start = ContinuousClock.now
    private let execution = ExecutionID(high: 1, low: 2)
    private var queue = ChunkQueue()

    private func wanted(_ node: Int, _ index: UInt32, parcel: UInt64 = 0, broker: Int = 0) -> ChunkWanted {
        let parcel = ChunkWanted.Parcel(
            execution: execution, sequence: parcel, blob: [UInt8(truncatingIfNeeded: parcel)], broker: broker)
        return ChunkWanted(piece: ChunkWanted.Piece(parcel: parcel, index: index), node: NodeName("n\(node)")!)
    }

    private func nodes(_ joined: ChunkQueue.Joined?) -> [String]? { joined?.nodes.map(\.description) }

    @Test mutating func `one node alone waits for nobody`() {
        queue.add([wanted(1, 0), wanted(1, 1)], at: start)
        #expect(queue.next(at: start)?.piece.index == 0)
        #expect(queue.next(at: start)?.piece.index == 1)
        #expect(queue.next(at: start) == nil && queue.nextDue == nil)
    }

    /// These nodes have asked for the list and got it.
    private mutating func begin(_ nodes: Int...) {
        queue.add(nodes.map { wanted($0, ChunkWanted.Piece.list) }, at: start)
        while queue.next(at: start) != nil {}
    }

    @Test mutating func `nodes that fetch abreast get a chunk in one message once all have asked`() {
        begin(1, 2)
        queue.add([wanted(1, 0)], at: start)
        #expect(queue.next(at: start) == nil && queue.nextDue == start + ChunkQueue.patience)
        queue.add([wanted(1, 1), wanted(2, 0)], at: start + .milliseconds(1))
        #expect(nodes(queue.next(at: start + .milliseconds(1))) == ["n1", "n2"])
        queue.add([wanted(2, 1)], at: start + .milliseconds(2))
        #expect(nodes(queue.next(at: start + .milliseconds(2))) == ["n1", "n2"])
        #expect(queue.next(at: start + .milliseconds(2)) == nil && queue.nextDue == nil)
    }

    @Test mutating func `a node that lags holds up the others for a moment, and one that is gone for none`() {
        begin(1, 2, 3)
        queue.add([wanted(1, 0), wanted(2, 0)], at: start + .milliseconds(100))
        #expect(queue.next(at: start + .milliseconds(149)) == nil)
        #expect(nodes(queue.next(at: start + .milliseconds(150))) == ["n1", "n2"])
        let later = start + .milliseconds(100) + Abreast.absence
        queue.add([wanted(1, 1), wanted(2, 1)], at: later - .milliseconds(1))
        #expect(nodes(queue.next(at: later)) == ["n1", "n2"])
    }

    @Test mutating func `a node that is far behind, or past a chunk, is not waited for`() {
        begin(1, 2)
        queue.add([wanted(1, UInt32(Abreast.reach))], at: start)
        #expect(nodes(queue.next(at: start)) == ["n1"])
        queue.add([wanted(2, 3)], at: start)
        #expect(nodes(queue.next(at: start)) == ["n2"])
        // What it asks for once more does not set it back.
        queue.add([wanted(1, 2)], at: start)
        #expect(nodes(queue.next(at: start)) == ["n1"])
        queue.add([wanted(2, 4)], at: start)
        #expect(nodes(queue.next(at: start)) == ["n2"])
    }

    @Test mutating func `a chunk that is asked for anew waits from then on, and holds up none behind it`() {
        begin(1, 2)
        queue.add([wanted(1, 0), wanted(1, 1)], at: start)
        queue.add([wanted(2, 1)], at: start + .milliseconds(10))
        #expect(nodes(queue.next(at: start + .milliseconds(10))) == ["n1", "n2"])
        #expect(nodes(queue.next(at: start + .milliseconds(50))) == ["n1"])
        begin(3)
        queue.add([wanted(1, 0)], at: start + .milliseconds(60))
        queue.add([wanted(1, 2)], at: start + .milliseconds(61))
        #expect(queue.nextDue == start + .milliseconds(60) + ChunkQueue.patience)
    }

    @Test mutating func `while there are chunks that wait for nobody, those that are waited for have longer`() {
        begin(1, 2)
        queue.add([wanted(1, 0)], at: start)
        let due = start + ChunkQueue.patience
        queue.add([wanted(3, 0, parcel: 1)], at: due)
        #expect(nodes(queue.next(at: due)) == ["n3"])
        queue.add([wanted(3, 1, parcel: 1)], at: due + ChunkQueue.longestPatience)
        #expect(nodes(queue.next(at: due + ChunkQueue.longestPatience)) == ["n1"])
    }

    @Test mutating func `what is asked for again before it is sent is sent once`() {
        queue.add([wanted(1, 0), wanted(2, 0), wanted(1, 0)], at: start)
        #expect(nodes(queue.next(at: start + ChunkQueue.patience))?.sorted() == ["n1", "n2"])
        #expect(queue.next(at: start + ChunkQueue.patience) == nil)
    }

    @Test mutating func `other files, executions and brokers are not joined`() {
        queue.add([wanted(1, 0), wanted(2, 0, parcel: 1), wanted(3, 0, broker: 1)], at: start)
        var sent: [[String]?] = []
        while let joined = queue.next(at: start) { sent.append(nodes(joined)) }
        #expect(sent == [["n1"], ["n2"], ["n3"]])
    }

    @Test mutating func `a list waits for nobody`() {
        queue.add([wanted(1, 0), wanted(2, ChunkWanted.Piece.list)], at: start)
        #expect(nodes(queue.next(at: start)) == ["n1"])
        #expect(nodes(queue.next(at: start)) == ["n2"])
    }

    @Test mutating func `a message has no more nodes than it may, and none is forgotten`() {
        let count = 2 * ChunkQueue.mostNodes + 5
        queue.add((1...count).map { wanted($0, 7) }, at: start)
        var sent: [Int] = []
        while let joined = queue.next(at: start + ChunkQueue.patience) { sent.append(joined.nodes.count) }
        #expect(sent.reduce(0, +) == count && sent.max() == ChunkQueue.mostNodes)
        #expect(queue.nextDue == nil)
    }

    @Test mutating func `a node that asks for ever more gets so much, and takes no place of another`() {
        for parcel in 0..<1000 { queue.add([wanted(1, 0, parcel: UInt64(parcel))], at: start) }
        queue.add([wanted(2, 0)], at: start)
        var served: [String: Int] = [:]
        while let joined = queue.next(at: start + .seconds(1)) {
            for node in nodes(joined)! { served[node, default: 0] += 1 }
        }
        #expect(served == ["n1": ChunkQueue.mostOfOne, "n2": 1])
        queue.add([wanted(1, 1)], at: start + .seconds(1))
        #expect(nodes(queue.next(at: start + .seconds(2))) == ["n1"])
    }
}
