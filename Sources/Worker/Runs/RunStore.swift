import Glibc
import Messages
import Sodium
import Spool
import Supervisor
import SwiftProtobuf

/// The run folders of a worker on the disk (docs/protocol.md §6). Every write has reached the disk when it returns.
struct RunStore: Sendable {
    /// One run as it is found when the worker starts.
    struct Kept: Sendable {
        var execution: ExecutionID
        /// The bytes of the order, as its ticket vouched for them; empty where it is settled.
        var order: [UInt8]
        /// The order is not what was written; `order` is what can be read of it.
        var isDamaged = false
        /// The intent to start is on the disk.
        var isBegun: Bool
        /// The last state, once there is one.
        var last: WireReport?
        /// The owner has acknowledged the last state.
        var isSettled: Bool
    }

    static let longestOrder = 64 << 20

    let root: String

    init(data: String) throws(SystemError) {
        root = data + "/runs"
        try Self.makeFolder(data)
        try Self.makeFolder(root)
    }

    func folder(of execution: ExecutionID) -> RunFolder { RunFolder("\(root)/\(execution)") }

    private static let assemblyStart = "blob-"

    /// Where a blob is put together before it is placed; its list lies beside it.
    func assembly(of execution: ExecutionID, _ blob: [UInt8]) -> String {
        "\(folder(of: execution).path)/\(Self.assemblyStart)\(Hex.encode(blob))"
    }

    /// A placer's note; docs/architecture.md.
    func note(of execution: ExecutionID, file: Int) -> String { "\(folder(of: execution).path)/note\(file)" }

    /// What was put together for a run goes.
    func removeAssemblies(of execution: ExecutionID) {
        let folder = folder(of: execution).path
        for name in (try? File.names(in: folder)) ?? [] where name.hasPrefix(Self.assemblyStart) {
            unlink("\(folder)/\(name)")
        }
    }

    /// The order is on the disk when this returns; only then may it be acknowledged.
    func accept(_ execution: ExecutionID, order: [UInt8], _ ownership: Ownership? = nil) throws(SystemError) {
        let folder = folder(of: execution)
        try Self.makeFolder(folder.path)
        do throws(SystemError) {
            if let ownership { try own(execution, ownership) }
            try SealedFile.replace(folder.path + "/order", with: order)
            try File(root, O_RDONLY | O_DIRECTORY).synchronise()
        } catch {
            unlink(folder.path + "/order")
            removeUnaccepted(folder.path)
            throw error
        }
    }

    /// Keeps that a run was stopped before its order came: an empty order, and its last state before that, so that whoever
    /// finds the order finds the state. What cannot be kept whole leaves nothing.
    func cancel(_ execution: ExecutionID, _ report: WireReport) throws(SystemError) {
        let folder = folder(of: execution).path
        try Self.makeFolder(folder)
        do throws(SystemError) {
            try conclude(execution, report)
            try accept(execution, order: [])
        } catch {
            removeUnaccepted(folder)
            throw error
        }
    }

    /// A folder without an order: what was begun in it was never spoken of.
    private func removeUnaccepted(_ folder: String) {
        for name in (try? File.names(in: folder)) ?? [] { unlink("\(folder)/\(name)") }
        rmdir(folder)
    }

    /// Another gateway than the order's owner has taken the run over.
    func own(_ execution: ExecutionID, _ ownership: Ownership) throws(SystemError) {
        try File.replace(folder(of: execution).path + "/owner", with: Array(ownership.text.utf8))
    }

    func ownership(of execution: ExecutionID) -> Ownership? {
        (try? File.contents(folder(of: execution).path + "/owner", limit: 1024))
            .flatMap { Ownership(text: String(decoding: $0, as: UTF8.self)) }
    }

    /// Not for a run whose exit record is there: that says the same.
    func conclude(_ execution: ExecutionID, _ report: WireReport) throws(SystemError) {
        let bytes: [UInt8] = (try? report.serializedBytes()) ?? []
        try SealedFile.replace(folder(of: execution).path + "/report", with: bytes)
    }

    /// The owner has all of it: the order is kept under another name, so that it starts nothing a second time.
    ///
    /// Not synced: should it be forgotten, the last state is only said once more.
    func letGo(_ execution: ExecutionID) {
        let folder = folder(of: execution)
        rename(folder.path + "/order", folder.path + "/settled")
        removeAssemblies(of: execution)
        for name in (try? File.names(in: folder.spool)) ?? [] { unlink("\(folder.spool)/\(name)") }
        // Without an exit record its supervisor may still be on its way: the empty folder keeps it from beginning.
        if access(folder.exit, F_OK) == 0 { rmdir(folder.spool) }
    }

    /// The last state of a run that ended without an exit record of its supervisor.
    func last(_ execution: ExecutionID) -> WireReport? {
        (try? SealedFile.contents(folder(of: execution).path + "/report"))
            .flatMap { try? WireReport(serializedBytes: $0) }
    }

    /// The order of a run that is settled.
    func order(of execution: ExecutionID) -> WireOrder {
        let bytes = try? SealedFile.contents(folder(of: execution).path + "/settled", limit: Self.longestOrder)
        return bytes.flatMap { try? WireOrder(serializedBytes: $0) } ?? WireOrder()
    }

    /// What is on the disk; a folder without a whole order was never acknowledged and is removed.
    func all() throws(SystemError) -> [Kept] {
        var kept: [Kept] = []
        for name in try File.names(in: root) {
            guard let execution = ExecutionID(name) else { continue }
            let path = folder(of: execution).path
            if access(path + "/settled", F_OK) == 0 {
                kept.append(Kept(execution: execution, order: [], isBegun: true, last: nil, isSettled: true))
                continue
            }
            var one = Kept(
                execution: execution, order: [], isBegun: access(folder(of: execution).plan, F_OK) == 0,
                last: last(execution), isSettled: false)
            do throws(SealedFile.Problem) {
                one.order = try SealedFile.contents(path + "/order", limit: Self.longestOrder)
                // An empty one is of a run that was stopped before it came, and that says so.
                one.isDamaged = one.order.isEmpty && one.last == nil
            } catch {
                if error.isMissing {
                    if !one.isBegun { removeUnaccepted(path) }
                    continue
                }
                one.isDamaged = true
                // What it says is not obeyed; whom to tell may still be read from it.
                one.order =
                    (try? File.contents(path + "/order", limit: Self.longestOrder)).map { Array($0.dropFirst(16)) }
                    ?? []
            }
            kept.append(one)
        }
        return kept
    }

    /// Counts the worker's starts, so that the reports of a later one have greater sequences.
    func nextEpoch(data: String) throws(SystemError) -> UInt64 {
        let path = data + "/epoch"
        var epoch: UInt64 = 1
        do throws(SealedFile.Problem) {
            let text = String(decoding: try SealedFile.contents(path), as: UTF8.self)
            epoch = (UInt64(text.filter(\.isNumber)) ?? 0) + 1
        } catch {
            // Seconds since 1970 are more than any worker has starts.
            if !error.isMissing { epoch = UInt64(clamping: WallClock.milliseconds / 1000) }
        }
        try SealedFile.replace(path, with: Array("\(epoch)\n".utf8))
        return epoch
    }

    private static func makeFolder(_ path: String) throws(SystemError) {
        guard mkdir(path, 0o700) != 0 else { return }
        guard errno == EEXIST else { throw SystemError.last("mkdir", path) }
    }
}
