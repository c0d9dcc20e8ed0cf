import Foundation
import Glibc
import Messages
import NIOCore
import Sodium
import Spool
import Synchronization

/// A file on its way in, piece by piece over any number of connections; what has come stays.
///
/// One connection at a time brings bytes: `take` gives it a turn, `release` gives that back. One that has brought nothing for
/// five seconds gives way: its client may be gone without the gateway having noticed.
actor Upload {
    /// What became of the wish to bring bytes.
    enum Taking: Equatable, Sendable {
        /// So many bytes may come, in this turn.
        case room(UInt64, turn: Int)
        case wrongOffset(UploadView)
        /// Another connection brings bytes, or the gateway looks what it has.
        case busy(UploadView)
    }

    nonisolated let id: UploadID
    nonisolated let user: String
    nonisolated let size: UInt64
    /// Given by who brings it; empty where it is made of what comes.
    nonisolated let expected: [UInt8]
    /// When it was last touched, Unix milliseconds.
    nonisolated let touched: Atomic<Int64>
    private static let longestSilence = Duration.seconds(5)
    /// What one answer says of what is missing.
    private static let mostRanges = 1_000
    private let store: BlobStore
    private let folder: String
    private let data: File
    private var pieces: UploadPieces
    private var list: [UInt8] = []
    private var position: UInt64 = 0
    private var isPrepared = false
    /// The disk is at work for it, and nothing else may be.
    private var isWorking = false
    private var turn: Int?
    private var turns = 0
    private var brought = ContinuousClock.now
    private var isEnded = false

    /// Begins one.
    init(size: UInt64, list: [UInt8], user: String, store: BlobStore) throws(Failure) {
        id = UploadID()
        (self.user, self.size, expected, self.store) = (user, size, list, store)
        folder = store.folder + "/uploads/\(id)"
        pieces = UploadPieces(size: size, offset: 0)
        touched = Atomic(Moment.now().unixMilliseconds)
        try BlobStore.makeFolder(folder + "/by")
        do throws(SystemError) {
            data = try File(folder + "/data", O_RDWR | O_CREAT | O_EXCL)
            if !list.isEmpty { try File.replace(folder + "/list", with: list) }
            try UploadRecord(user: user, size: size, hasList: !list.isEmpty).save(in: folder)
        } catch {
            throw BlobStore.failure(error)
        }
    }

    /// Takes up one that an earlier gateway left; nil where nothing can be made of what is there.
    init?(_ id: UploadID, store: BlobStore) {
        let folder = store.folder + "/uploads/\(id)"
        var facts = stat()
        guard let record = UploadRecord(folder: folder), stat(folder + "/data", &facts) == 0,
            let data = try? File(folder + "/data", O_RDWR)
        else { return nil }
        let list = record.hasList ? try? File.contents(folder + "/list", limit: .max) : []
        guard let list, !record.hasList || list.count == UploadPieces.chunks(of: record.size) * ChunkHash.size else {
            return nil
        }
        if !record.hasList, record.boot != UploadRecord.thisBoot { try? data.truncate(to: 0) }
        self.data = data
        (self.id, self.store, self.folder, user, size, expected) = (id, store, folder, record.user, record.size, list)
        pieces = UploadPieces(size: record.size, offset: 0)
        touched = Atomic(Int64(facts.st_mtim.tv_sec) * 1000)
    }

    var isWhole: Bool { pieces.isWhole }

    var view: UploadView {
        UploadView(
            upload: id.description, offset: pieces.offset, size: size,
            missing: expected.isEmpty
                ? nil : pieces.missing.prefix(Self.mostRanges).map { [$0.lowerBound, $0.upperBound] })
    }

    /// Looks what is here, where that is not known yet; throws `busy` while another call does.
    func prepare() async throws(Failure) {
        touch()
        guard !isEnded else { throw Self.unknown }
        guard !isPrepared else { return }
        guard !isWorking else {
            throw Failure(.busy, "The gateway looks what it has of this upload: ask again in a moment.")
        }
        isWorking = true
        let survey = UploadSurvey(store: store, user: user, data: folder + "/data", size: size)
        let expected = expected
        let found = await DiskWork.run(for: user) { expected.isEmpty ? survey.survey() : survey.survey(list: expected) }
        isWorking = false
        switch found {
        case .success(let found):
            (pieces, list, isPrepared) = (found.pieces, found.list, true)
            touch()
        case .failure(let error): throw BlobStore.failure(error)
        }
    }

    func take(at offset: UInt64, now: ContinuousClock.Instant = .now) -> Taking {
        guard !isWorking, !isEnded, turn == nil || now > brought + Self.longestSilence else { return .busy(view) }
        guard let room = pieces.room(at: offset) else { return .wrongOffset(view) }
        turns += 1
        (turn, position, brought) = (turns, offset, now)
        return .room(room, turn: turns)
    }

    /// Does nothing for a turn that was lost.
    func release(_ given: Int) { if turn == given { turn = nil } }

    /// Keeps a piece of any size, as far as there is room for it. Throws `hash_mismatch` where a chunk is not what the list
    /// says: that chunk is missing again.
    func write(_ piece: ByteBuffer, turn given: Int) throws(Failure) {
        guard !isEnded else { throw Self.unknown }
        guard turn == given else { throw Failure(.busy, "Another connection has gone on with this upload.") }
        let room = pieces.room(at: position) ?? 0
        let count = min(UInt64(piece.readableBytes), room)
        var problem: SystemError?
        piece.withUnsafeReadableBytes { bytes in
            do throws(SystemError) {
                try data.write(UnsafeRawBufferPointer(rebasing: bytes.prefix(Int(count))), at: Int(position))
            } catch {
                problem = error
            }
        }
        if let problem { throw BlobStore.failure(problem) }
        let completed = pieces.take(count, at: position)
        (position, brought) = (position + count, .now)
        touch()
        var wrong: Failure?
        for chunk in completed {
            do throws(Failure) { try check(chunk) } catch { wrong = wrong ?? error }
        }
        if let wrong { throw wrong }
        if count < piece.readableBytes {
            throw Failure(.tooLarge, "More bytes came than are missing there; what belongs there was kept.")
        }
    }

    private func check(_ chunk: Int) throws(Failure) {
        let range = UploadPieces.range(of: chunk, size: size)
        let hash: [UInt8]
        do throws(SystemError) {
            hash = Blake2b.hash(try data.bytes(at: Int(range.lowerBound), count: range.count))
        } catch {
            isPrepared = false
            throw BlobStore.failure(error)
        }
        if expected.isEmpty {
            list += hash
        } else if !expected[(chunk * ChunkHash.size)...].starts(with: hash) {
            pieces.lose(chunk)
            throw Failure(
                .hashMismatch, "What came from byte \(range.lowerBound) on is not what the list says: bring it again.")
        }
    }

    /// Makes a blob of what is whole; called by who has taken it. Where that fails it stays as it is.
    func finish(_ given: Int) async throws(Failure) -> BlobID {
        guard turn == given, !isWorking, !isEnded else {
            throw Failure(.busy, "Another connection has gone on with this upload.")
        }
        isWorking = true
        let blob = BlobID(size: size, list: list)
        let (store, folder, user, list) = (store, folder, user, list)
        let problem = await DiskWork.run(for: user) { () -> SystemError? in
            do throws(SystemError) {
                try File.replace(folder + "/list", with: list)
                try File(folder + "/data").synchronise()
                try store.settle(folder, as: blob, for: user)
                return nil
            } catch {
                return error
            }
        }
        (isWorking, turn) = (false, nil)
        if let problem {
            throw BlobStore.failure(problem)
        }
        unlink(store.path(blob) + "/record")
        remove()
        return blob
    }

    /// Takes away what has come.
    func remove() {
        isEnded = true
        try? FileManager.default.removeItem(atPath: folder)
    }

    private func touch() { touched.store(Moment.now().unixMilliseconds, ordering: .relaxed) }

    static let unknown = Failure(.unknownUpload, "There is no such upload.")
}
