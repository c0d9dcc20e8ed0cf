import Logging
import Messages
import NIOPosix
import Spool

/// Takes over the data folder of a gateway that is gone for good: its executions become this gateway's own.
///
/// It may be done again, also after a crash in the middle: what is here already is left as it is.
actor Adopter {
    /// How far a taking over is.
    struct Progress: Encodable, Sendable, Equatable {
        var from: String
        /// Looked at so far, of so many.
        var executions = 0
        var of: Int
        /// That were not here before; and those of them that have not ended.
        var adopted = 0
        var unfinished = 0
        var files = 0
        var logBytes: UInt64 = 0
        var done = false
    }

    private let executions: Executions
    private let journal: Journal
    private let logs: Logs
    private let blobs: BlobStore
    private let others: Others
    private let grants: Grants
    private let revoker: Revoker
    private let name: Journal.Name
    private let logger: Logger
    private var isBusy = false

    init(
        executions: Executions, journal: Journal, logs: Logs, blobs: BlobStore, others: Others, grants: Grants,
        revoker: Revoker, name: Journal.Name, logger: Logger
    ) {
        self.executions = executions
        self.journal = journal
        self.logs = logs
        self.blobs = blobs
        self.others = others
        self.grants = grants
        self.revoker = revoker
        self.name = name
        self.logger = logger
    }

    /// Takes the folder over and tells how far it is; refused while its gateway lives.
    func adopt(_ path: String, tell: @Sendable (Progress) async throws -> Void) async throws {
        guard !isBusy else { throw Failure(.busy, "This gateway takes over a folder already.") }
        isBusy = true
        defer { isBusy = false }
        let folder = FormerFolder(path: path)
        try folder.check()
        // Held to the end: no gateway starts on the folder meanwhile.
        let lock = try FolderLock(of: path)
        defer { withExtendedLifetime(lock) {} }
        if let by = AdoptionMark.read(in: path), by != name.gateway {
            throw Failure(.conflict, "\(path) was taken over by the gateway \(by) already.")
        }
        let former = try Journal(path: folder.journal)
        let owner = try await check(former, path)
        do throws(SystemError) {
            try AdoptionMark.leave(in: path, by: name.gateway)
        } catch {
            throw Failure(.permission, "\(error)")
        }
        try await bring(former, folder, owner, tell)
    }

    /// Whose folder it is; throws where that one is alive, or of another installation.
    private func check(_ former: Journal, _ path: String) async throws -> String {
        guard let found = try await former.name() else { return "a gateway without executions" }
        guard found.authority.isEmpty || found.authority == name.authority else {
            throw Failure(
                .conflict, "\(path) is of a gateway with another authority: no node here would take its orders.")
        }
        guard await isSilent(Principal(.gateway, found.gateway)) else {
            throw Failure(
                .busy, "The gateway \(found.gateway) is running: its executions are its own. Stop it for good first.")
        }
        return found.gateway
    }

    /// One that was ended a moment ago has not been silent for long enough.
    private func isSilent(_ gateway: Principal) async -> Bool {
        let end = ContinuousClock.now + Others.silence * 2
        while await others.isPresent(gateway) {
            guard ContinuousClock.now < end else { return false }
            try? await Task.sleep(for: .milliseconds(100))
        }
        return true
    }

    private func bring(
        _ former: Journal, _ folder: FormerFolder, _ owner: String, _ tell: @Sendable (Progress) async throws -> Void
    ) async throws {
        let (count, last) = try await former.extent()
        let term = UInt64(clamping: Moment.now().unixMilliseconds)
        var progress = Progress(from: owner, of: count)
        logger.notice("takes over", metadata: ["from": "\(owner)", "executions": "\(count)"])
        try await tell(progress)
        // Before the executions: no node takes an order of such a session.
        try await journal.adoptRevocations(from: folder.journal)
        try await revoker.resume()
        var number: Int64 = 0
        while true {
            let page = try await former.adoptable(after: number)
            guard let end = page.last?.number else { break }
            number = end
            let (logBytes, files) = try await bring(page, folder)
            let fresh = try await journal.adopt(page, from: folder.journal, term: term, last: last)
            try await executions.adopt(fresh, term: term)
            let unfinished = Set(page.filter { !$0.isComplete }.map(\.id))
            progress.executions += page.count
            progress.adopted += fresh.count
            progress.unfinished += fresh.count { unfinished.contains($0) }
            progress.files += files
            progress.logBytes += logBytes
            try await tell(progress)
        }
        try await revoker.resume()
        try await journal.adoptKeys(from: folder.journal)
        try await grants.tell()
        progress.done = true
        logger.notice(
            "has taken over", metadata: ["from": "\(owner)", "executions": "\(progress.adopted)"])
        try await tell(progress)
    }

    /// Logs and files of a page, on a thread where it may block.
    private func bring(_ page: [Journal.Adoptable], _ folder: FormerFolder) async throws -> (UInt64, Int) {
        let (logs, blobs) = (logs.folder, blobs)
        return try await NIOThreadPool.singleton.runIfActive {
            var (bytes, files) = (UInt64(0), 0)
            for one in page {
                bytes += try folder.bringLog(of: one.id, to: logs)
                for blob in one.files.compactMap({ BlobID($0.blob) }) where try folder.bring(blob, to: blobs) {
                    files += 1
                }
            }
            return (bytes, files)
        }
    }
}
