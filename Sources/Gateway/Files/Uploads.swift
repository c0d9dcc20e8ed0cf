import Foundation
import Glibc
import Messages
import Spool
import Synchronization

/// The files that are on their way in, by their names; another user's looks like one that is not there.
///
/// They lie in `uploads` of the blob store, outlive the gateway, and go when nobody has touched them for a day.
actor Uploads {
    struct Limits: Sendable {
        /// What one user's unfinished uploads may hold together.
        var bytesPerUser: UInt64 = 256 << 30
        /// Older ones make way, where nobody is at them.
        var uploadsPerUser = 100
        var keep = Duration.seconds(24 * 3600)
    }

    /// How long an upload counts as one that somebody is at.
    private static let idle: Int64 = 60_000
    private static let sweepPause = Duration.seconds(60)
    /// Finished ones are remembered for a while, for who did not get the answer.
    private static let mostFinished = 1_000

    private struct Finished {
        let id: UploadID
        let user: String
        let view: UploadView
    }

    private let store: BlobStore
    nonisolated let limits: Limits
    private var open: [UploadID: Upload] = [:]
    private var finished: [Finished] = []

    /// Takes up what an earlier gateway left.
    init(store: BlobStore, limits: Limits = Limits()) throws(Failure) {
        (self.store, self.limits) = (store, limits)
        let folder = store.folder + "/uploads"
        try BlobStore.makeFolder(folder)
        for name in (try? File.names(in: folder)) ?? [] {
            if let id = UploadID(name), let upload = Upload(id, store: store) {
                open[id] = upload
            } else {
                try? FileManager.default.removeItem(atPath: "\(folder)/\(name)")
            }
        }
    }

    /// Begins an upload, or goes on with the open one of the same list. What the user brought before is not asked for
    /// again: the answer has `blob` where nothing is left to bring.
    func begin(size: UInt64, list: [UInt8], user: String) async throws(Failure) -> (view: UploadView, isNew: Bool) {
        guard list.isEmpty || list.count == UploadPieces.chunks(of: size) * ChunkHash.size else {
            throw Failure(.badRequest, "The list has one hash of 32 bytes for each chunk of 1 MiB.")
        }
        let blob = BlobID(size: size, list: list)
        if size == 0 || !list.isEmpty, store.size(of: blob, for: user) != nil {
            return (UploadView(blob: blob, size: size), false)
        }
        guard size > 0 else {
            return (UploadView(blob: try await store.writer(for: user).finish().blob, size: 0), true)
        }
        let same = open.values.first { !list.isEmpty && $0.user == user && $0.size == size && $0.expected == list }
        if let same {
            try await same.prepare()
            return (await same.view, false)
        }
        try await makeRoom(for: size, of: user)
        let upload = try Upload(size: size, list: list, user: user, store: store)
        open[upload.id] = upload
        try await upload.prepare()
        guard await upload.isWhole, case .room(_, let turn) = await upload.take(at: size) else {
            return (await upload.view, true)
        }
        return (try await settle(upload, turn), true)
    }

    /// The user's upload of that name, ready to be gone on with; throws `unknown_upload`.
    func find(_ id: UploadID, of user: String) async throws(Failure) -> Upload {
        guard let upload = open[id], upload.user == user else { throw Upload.unknown }
        try await upload.prepare()
        return upload
    }

    /// How far it is.
    func view(_ id: UploadID, of user: String) async throws(Failure) -> UploadView {
        if let view = ended(id, of: user) { return view }
        return try await find(id, of: user).view
    }

    /// What became of an upload that is finished already; nil for any other.
    func ended(_ id: UploadID, of user: String) -> UploadView? {
        finished.last { $0.id == id && $0.user == user }?.view
    }

    /// Ends a connection's turn: a blob where nothing is missing any more, else how far it is.
    func settle(_ upload: Upload, _ turn: Int) async throws(Failure) -> UploadView {
        guard await upload.isWhole else {
            await upload.release(turn)
            return await upload.view
        }
        let blob = try await upload.finish(turn)
        open[upload.id] = nil
        let view = UploadView(blob: blob, size: upload.size)
        finished.append(Finished(id: upload.id, user: upload.user, view: view))
        if finished.count > Self.mostFinished { finished.removeFirst(finished.count - Self.mostFinished) }
        return view
    }

    func remove(_ id: UploadID, of user: String) async throws(Failure) {
        guard let upload = open[id], upload.user == user else { throw Upload.unknown }
        open[id] = nil
        await upload.remove()
    }

    /// How many unfinished ones a user has, and how large they will be together.
    func held(of user: String) -> (count: Int, bytes: UInt64) {
        let own = open.values.filter { $0.user == user }
        return (own.count, own.reduce(0) { $0 + $1.size })
    }

    /// Takes away what nobody has touched for long, now and then, until the task is cancelled.
    func run() async {
        while !Task.isCancelled {
            await sweep(at: Moment.now().unixMilliseconds)
            try? await Task.sleep(for: min(Self.sweepPause, limits.keep / 2))
        }
    }

    func sweep(at now: Int64) async {
        let longest = Int64(limits.keep / .milliseconds(1))
        for upload in open.values where now - upload.touched.load(ordering: .relaxed) > longest {
            open[upload.id] = nil
            await upload.remove()
        }
    }

    /// Sees that there is room for so many bytes more; the user's oldest uploads that nobody is at make way.
    private func makeRoom(for size: UInt64, of user: String) async throws(Failure) {
        guard size <= limits.bytesPerUser else {
            throw Failure(.tooLarge, "One user's uploads may hold \(limits.bytesPerUser) bytes at this gateway.")
        }
        try store.checkRoom(for: size, of: user, unwritten: size)
        let now = Moment.now().unixMilliseconds
        while true {
            let own = open.values.filter { $0.user == user }
            let held = own.reduce(size) { $0 + $1.size }
            if own.count < limits.uploadsPerUser, held <= limits.bytesPerUser { return }
            let oldest = own.min { $0.touched.load(ordering: .relaxed) < $1.touched.load(ordering: .relaxed) }
            guard let oldest, now - oldest.touched.load(ordering: .relaxed) > Self.idle else {
                throw own.count < limits.uploadsPerUser
                    ? Failure(.tooLarge, "Your unfinished uploads would hold \(held) bytes: finish one, or end it.")
                    : Failure(.tooMany, "You have \(own.count) unfinished uploads: finish one, or end it.")
            }
            open[oldest.id] = nil
            await oldest.remove()
        }
    }
}

extension UploadView {
    init(blob: BlobID, size: UInt64) { self.init(size: size, blob: blob.description) }
}
