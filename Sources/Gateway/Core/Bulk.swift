import Dispatch
import Messages
import SwiftProtobuf
import Synchronization

/// Serves pieces of files to the nodes of an execution whose order names them, on a thread of its own.
final class Bulk: Sendable {
    /// Asks for the list of hashes instead of a chunk.
    static let list = UInt32.max

    private struct Right {
        let nodes: Set<NodeName>
        let blobs: Set<BlobID>
    }

    private let store: BlobStore
    private let rights = Mutex<[ExecutionID: Right]>([:])
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

    /// Answers requests in their order; `send` is called from the thread of its own, once for each.
    ///
    /// A request costs next to nothing and a piece 1 MiB: pieces are read as the bus takes them, `sent` says that it has,
    /// and the requests wait.
    func serve(_ wanted: [ChunkWanted], send: @escaping @Sendable ([Outgoing]) -> Void) {
        queue.async {
            for request in wanted {
                self.credit.wait()
                send([self.answer(request)])
            }
        }
    }

    func answer(_ wanted: ChunkWanted) -> Outgoing {
        let id = wanted.header.execution
        var header = Header(.chunk, id, sequence: wanted.header.sequence)
        let body: [UInt8]
        do throws(Failure) {
            body = try piece(wanted)
        } catch {
            header.verb = .failure
            body = (try? error.wire.serializedBytes()) ?? []
        }
        return .bulk(header, wanted.node, body: body, broker: wanted.broker) { [credit] in credit.signal() }
    }

    private func piece(_ wanted: ChunkWanted) throws(Failure) -> [UInt8] {
        let right = rights.withLock { $0[wanted.header.execution] }
        guard let right, right.nodes.contains(wanted.node), let blob = BlobID(bytes: wanted.blob),
            right.blobs.contains(blob)
        else { throw Failure(.unknownBlob, "This execution has no such file for \(wanted.node).") }
        let bytes = wanted.index == Self.list ? try store.list(of: blob) : try store.chunk(wanted.index, of: blob)
        var writer = ByteWriter(capacity: 4 + bytes.count)
        writer.u32(wanted.index)
        writer.append(bytes)
        return writer.bytes
    }
}
