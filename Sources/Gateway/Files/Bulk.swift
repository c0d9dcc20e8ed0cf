import Dispatch
import Messages
import SwiftProtobuf
import Synchronization

/// Serves pieces of files to the nodes of an execution whose order names them, on a thread of its own.
final class Bulk: Sendable {
    private struct Right {
        let nodes: Set<NodeName>
        let blobs: Set<BlobID>
    }

    private let store: BlobStore
    private let rights = Mutex<[ExecutionID: Right]>([:])
    private let wanted = Mutex(ChunkQueue())
    private let nextLook = Mutex<ChunkQueue.Instant?>(nil)
    /// Pieces that are read and not yet handed to the bus.
    private let credit = DispatchSemaphore(value: 0)
    private static let mostPieces = 8
    private let queue = DispatchQueue(label: "estiba.bulk", qos: .userInitiated)

    init(store: BlobStore) {
        self.store = store
        for _ in 0..<Self.mostPieces { credit.signal() }
    }

    /// From now on the nodes of this execution get its files.
    func open(_ head: ExecutionHead) {
        guard !head.files.isEmpty else { return }
        let right = Right(nodes: Set(head.nodes), blobs: Set(head.files.compactMap { BlobID($0.blob) }))
        rights.withLock { $0[head.id] = right }
    }

    func close(_ id: ExecutionID) { rights.withLock { _ = $0.removeValue(forKey: id) } }

    /// Answers requests, those for the same piece together; `send` is called from the thread of its own.
    ///
    /// A request costs next to nothing and a piece 1 MiB: pieces are read as the bus takes them, `sent` says that it has,
    /// and the requests wait.
    func serve(_ wanted: [ChunkWanted], send: @escaping @Sendable ([Outgoing]) -> Void) {
        self.wanted.withLock { $0.add(wanted, at: .now) }
        queue.async { self.sendWhatIsDue(send) }
    }

    private func sendWhatIsDue(_ send: @escaping @Sendable ([Outgoing]) -> Void) {
        while true {
            credit.wait()
            guard let joined = wanted.withLock({ $0.next(at: .now) }) else { break }
            let answers = answers(to: joined)
            // The first has its credit.
            for _ in answers.dropFirst() { credit.wait() }
            send(answers)
        }
        credit.signal()
        guard let due = wanted.withLock({ $0.nextDue }), isFirst(due) else { return }
        let wait = max(ContinuousClock.now.duration(to: due), .zero)
        queue.asyncAfter(deadline: .now() + .microseconds(Int(wait / .microseconds(1)) + 1)) {
            self.nextLook.withLock { if $0 == due { $0 = nil } }
            self.sendWhatIsDue(send)
        }
    }

    /// Nobody looks again before that: one waits for all who ask meanwhile.
    private func isFirst(_ due: ChunkQueue.Instant) -> Bool {
        nextLook.withLock { next in
            if let next, next <= due { return false }
            next = due
            return true
        }
    }

    /// One for those who may have it, one for the others, where there are some; at least one.
    func answers(to joined: ChunkQueue.Joined) -> [Outgoing] {
        let parcel = joined.piece.parcel
        let right = rights.withLock { $0[parcel.execution] }
        let permitted = joined.nodes.filter { right?.nodes.contains($0) == true }
        let others = joined.nodes.filter { right?.nodes.contains($0) != true }
        var answers: [Outgoing] = []
        if !permitted.isEmpty {
            do throws(Failure) {
                answers.append(answer(joined.piece, .chunk, permitted, try bytes(of: joined.piece, right)))
            } catch {
                answers.append(answer(joined.piece, .failure, permitted, body(error)))
            }
        }
        if !others.isEmpty { answers.append(answer(joined.piece, .failure, others, body(Self.unknown))) }
        return answers
    }

    private func answer(_ piece: ChunkWanted.Piece, _ verb: Verb, _ nodes: [NodeName], _ body: [UInt8]) -> Outgoing {
        let parcel = piece.parcel
        return .bulk(
            Header(verb, parcel.execution, sequence: parcel.sequence), nodes, body: body, broker: parcel.broker
        ) { [credit] in credit.signal() }
    }

    private func bytes(of piece: ChunkWanted.Piece, _ right: Right?) throws(Failure) -> [UInt8] {
        guard let blob = BlobID(bytes: piece.parcel.blob), right?.blobs.contains(blob) == true else {
            throw Self.unknown
        }
        let bytes = piece.isList ? try store.list(of: blob) : try store.chunk(piece.index, of: blob)
        var writer = ByteWriter(capacity: 4 + bytes.count)
        writer.u32(piece.index)
        writer.append(bytes)
        return writer.bytes
    }

    private func body(_ failure: Failure) -> [UInt8] { (try? failure.wire.serializedBytes()) ?? [] }

    private static let unknown = Failure(.unknownBlob, "This execution has no such file for this node.")
}
