import Messages
import Spool
import SwiftProtobuf
import Synchronization

/// The revoked sessions on a node's disk: `<data>/revoked`, sealed (docs/protocol.md §6).
final class RevocationsFile: Sendable {
    private struct State {
        var newest: [UInt8] = []
        var isWritten = true
    }

    private let path: String
    private let state = Mutex(State())
    /// Held while the file is written: what is newer comes later.
    private let writing = Mutex<Void>(())

    init(data: String) { path = data + "/revoked" }

    /// What an earlier worker has kept; nothing where there is no file.
    func read() throws(SealedFile.Problem) -> WireRevocations {
        let bytes: [UInt8]
        do throws(SealedFile.Problem) {
            bytes = try SealedFile.contents(path)
        } catch {
            guard error.isMissing else { throw error }
            return WireRevocations()
        }
        return (try? WireRevocations(serializedBytes: bytes)) ?? WireRevocations()
    }

    /// What is to be written by the next `write`.
    func set(_ revocations: WireRevocations) {
        guard let bytes: [UInt8] = try? revocations.serializedBytes() else { return }
        state.withLock { $0 = State(newest: bytes, isWritten: false) }
    }

    /// The newest is on the disk when this returns; to be called in a chore.
    func write() throws(SystemError) {
        let problem = writing.withLock { _ -> SystemError? in
            let taken = state.withLock { $0.isWritten ? nil : $0.newest }
            guard let taken else { return nil }
            do throws(SystemError) {
                try SealedFile.replace(path, with: taken)
            } catch {
                return error
            }
            state.withLock { if $0.newest == taken { $0.isWritten = true } }
            return nil
        }
        if let problem { throw problem }
    }
}
