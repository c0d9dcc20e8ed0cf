import Foundation
import Messages
import NIOCore
import Sodium
import Testing

@testable import Gateway

@Suite struct UploadPiecesTests {
    private static let chunk = UInt64(BlobID.chunkSize)

    @Test func `bytes one after another complete chunk after chunk`() {
        var pieces = UploadPieces(size: 2 * Self.chunk + 5, offset: 0)
        #expect(pieces.take(100, at: 0) == [])
        #expect(pieces.offset == 100)
        #expect(pieces.take(Self.chunk - 100, at: 100) == [0])
        #expect(pieces.take(Self.chunk + 5, at: Self.chunk) == [1, 2])
        #expect(pieces.isWhole && pieces.offset == pieces.size)
        #expect(pieces.room(at: pieces.size) == 0)
    }

    @Test func `only the start of something missing is a place to go on`() {
        let pieces = UploadPieces(size: 5 * Self.chunk) { [0, 2, 3].contains($0) }
        #expect(pieces.missing == [Self.chunk..<2 * Self.chunk, 4 * Self.chunk..<5 * Self.chunk])
        #expect(pieces.room(at: Self.chunk) == Self.chunk)
        #expect(pieces.room(at: 4 * Self.chunk) == Self.chunk)
        for offset in [0, 1, Self.chunk + 1, 2 * Self.chunk, 5 * Self.chunk] { #expect(pieces.room(at: offset) == nil) }
    }

    @Test func `a chunk that is lost is missing whole again`() {
        var pieces = UploadPieces(size: 3 * Self.chunk + 1)
        #expect(pieces.take(2 * Self.chunk + 7, at: 0) == [0, 1])
        pieces.lose(1)
        #expect(pieces.missing == [Self.chunk..<2 * Self.chunk, 2 * Self.chunk + 7..<3 * Self.chunk + 1])
        var cut = UploadPieces(size: 3 * Self.chunk)
        _ = cut.take(Self.chunk, at: 0)
        cut.lose(0)
        #expect(cut.missing == [0..<3 * Self.chunk])
    }

    @Test func `no order of cuts brings a byte twice or leaves one out`() {
        var random = SystemRandomNumberGenerator()
        for _ in 0..<200 {
            let size = UInt64.random(in: 1...6 * Self.chunk, using: &random)
            var pieces = UploadPieces(size: size) { _ in Bool.random() }
            let wanted = pieces.missing.reduce(0) { $0 + UInt64($1.count) }
            var came: UInt64 = 0
            var completed: [Int] = []
            while let range = pieces.missing.randomElement(using: &random) {
                let count = UInt64.random(in: 1...UInt64(range.count), using: &random)
                completed += pieces.take(count, at: range.lowerBound)
                came += count
            }
            #expect(came == wanted)
            #expect(Set(completed).count == completed.count)
        }
    }
}

@Suite(.timeLimit(.minutes(1))) struct CoreUploadTests {
    private let folder = NSTemporaryDirectory() + "estiba-uploads-" + UUID().uuidString

    private func content(_ count: Int, seed: UInt8 = 1) -> [UInt8] {
        var word = UInt64(seed) | 1
        return (0..<count).map { _ in
            word = word &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return UInt8(truncatingIfNeeded: word >> 33)
        }
    }

    private func list(_ bytes: [UInt8]) -> [UInt8] {
        stride(from: 0, to: bytes.count, by: BlobID.chunkSize).flatMap {
            Blake2b.hash(Array(bytes[$0..<min($0 + BlobID.chunkSize, bytes.count)]))
        }
    }

    private func uploads(_ limits: Uploads.Limits = .init()) throws -> Uploads {
        try Uploads(store: try BlobStore(folder: folder), limits: limits)
    }

    private func id(_ view: UploadView) throws -> UploadID { try #require(view.upload.flatMap { UploadID($0) }) }

    private func bring(
        _ bytes: some Collection<UInt8>, at offset: UInt64, to view: UploadView, _ uploads: Uploads,
        user: String = "ana"
    ) async throws -> UploadView {
        let upload = try await uploads.find(try id(view), of: user)
        guard case .room(_, let turn) = await upload.take(at: offset) else { throw Upload.unknown }
        do {
            try await upload.write(ByteBuffer(bytes: bytes), turn: turn)
        } catch {
            await upload.release(turn)
            throw error
        }
        return try await uploads.settle(upload, turn)
    }

    @Test(arguments: [false, true]) func `a cut upload goes on where it was, also in the next gateway`(
        hasList: Bool
    ) async throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let bytes = content(3 << 20 | 77)
        var view: UploadView
        do {
            let before = try uploads()
            view = try await before.begin(
                size: UInt64(bytes.count), list: hasList ? list(bytes) : [], user: "ana"
            ).view
            view = try await bring(bytes[..<(2 << 20 | 5)], at: 0, to: view, before)
            #expect(view.offset == 2 << 20 | 5)
        }
        let after = try uploads()
        let found = try await after.view(try id(view), of: "ana")
        // With a list, what is left of a chunk that was not whole is brought again.
        let offset = try #require(found.offset)
        #expect(offset == (hasList ? 2 << 20 : 2 << 20 | 5))
        let done = try await bring(bytes[Int(offset)...], at: offset, to: view, after)
        #expect(done.blob == BlobID(size: UInt64(bytes.count), list: list(bytes)).description)
        #expect(try await after.view(try id(view), of: "ana") == done)
        let store = try BlobStore(folder: folder)
        let blob = try #require(done.blob.flatMap { BlobID($0) })
        #expect(store.size(of: blob, for: "ana") == UInt64(bytes.count))
        #expect(try store.list(of: blob) == list(bytes))
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder + "/uploads").isEmpty)
        #expect(try Set(FileManager.default.contentsOfDirectory(atPath: store.path(blob))) == ["by", "data", "list"])
    }

    @Test func `bytes of before the machine started anew are trusted only where hashes vouch for them`() async throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let bytes = content(2 << 20)
        var names: [UploadID] = []
        do {
            let before = try uploads()
            for given in [[], list(bytes)] {
                var view = try await before.begin(size: UInt64(bytes.count), list: given, user: "ana").view
                view = try await bring(bytes[..<(1 << 20)], at: 0, to: view, before)
                names.append(try id(view))
            }
        }
        for name in names {
            let place = "\(folder)/uploads/\(name)"
            var record = try #require(UploadRecord(folder: place))
            record.boot = "another"
            try record.save(in: place)
        }
        let after = try uploads()
        #expect(try await after.view(names[0], of: "ana").offset == 0)
        #expect(try await after.view(names[1], of: "ana").offset == 1 << 20)
    }

    @Test func `of a nearly equal file only the changed chunks are asked for, and only of one's own`() async throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let uploads = try uploads()
        var bytes = content(5 << 20 | 9)
        let first = try await uploads.begin(size: UInt64(bytes.count), list: list(bytes), user: "ana").view
        #expect(first.missing == [[0, 5 << 20 | 9]])
        _ = try await bring(bytes, at: 0, to: first, uploads)

        let again = try await uploads.begin(size: UInt64(bytes.count), list: list(bytes), user: "ana").view
        #expect(again.blob != nil && again.upload == nil)

        bytes[1 << 20] ^= 1
        bytes[4 << 20 - 1] ^= 1
        let second = try await uploads.begin(size: UInt64(bytes.count), list: list(bytes), user: "ana").view
        #expect(second.missing == [[1 << 20, 2 << 20], [3 << 20, 4 << 20]])
        let bens = try await uploads.begin(size: UInt64(bytes.count), list: list(bytes), user: "ben").view
        #expect(bens.missing == [[0, 5 << 20 | 9]])
        var view = try await bring(bytes[(3 << 20)..<(4 << 20)], at: 3 << 20, to: second, uploads)
        #expect(view.missing == [[1 << 20, 2 << 20]])
        view = try await bring(bytes[(1 << 20)..<(2 << 20)], at: 1 << 20, to: second, uploads)
        #expect(view.blob == BlobID(size: UInt64(bytes.count), list: list(bytes)).description)
    }

    @Test func `a chunk that is not what the list says is refused and asked for again`() async throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let uploads = try uploads()
        let bytes = content(2 << 20)
        var wrong = bytes
        wrong[100] ^= 1
        let view = try await uploads.begin(size: UInt64(bytes.count), list: list(bytes), user: "ana").view
        await #expect { try await bring(wrong[..<(1 << 20)], at: 0, to: view, uploads) } throws: {
            ($0 as? Failure)?.code == .hashMismatch
        }
        #expect(try await uploads.view(try id(view), of: "ana").missing == [[0, 2 << 20]])
        #expect(try await bring(bytes, at: 0, to: view, uploads).blob != nil)
    }

    @Test func `the same list goes on with the same upload, and strangers find nothing`() async throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let uploads = try uploads()
        let bytes = content(1 << 20 | 1)
        let view = try await uploads.begin(size: UInt64(bytes.count), list: list(bytes), user: "ana").view
        _ = try await bring(bytes[..<10], at: 0, to: view, uploads)
        let same = try await uploads.begin(size: UInt64(bytes.count), list: list(bytes), user: "ana")
        #expect(same.view.upload == view.upload && same.view.offset == 10 && !same.isNew)
        let name = try id(view)
        for call in [{ _ = try await uploads.view(name, of: "ben") }, { try await uploads.remove(name, of: "ben") }] {
            await #expect { try await call() } throws: { ($0 as? Failure)?.code == .unknownUpload }
        }
        try await uploads.remove(name, of: "ana")
        await #expect(throws: Failure.self) { try await uploads.view(name, of: "ana") }
    }

    @Test func `a connection that brings nothing for five seconds gives way, and cannot come back`() async throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let uploads = try uploads()
        let view = try await uploads.begin(size: 100, list: [], user: "ana").view
        let upload = try await uploads.find(try id(view), of: "ana")
        guard case .room(100, let first) = await upload.take(at: 0) else { return #expect(Bool(false)) }
        try await upload.write(ByteBuffer(repeating: 1, count: 10), turn: first)
        guard case .busy = await upload.take(at: 10, now: .now + .seconds(4)) else { return #expect(Bool(false)) }
        guard case .room(90, let second) = await upload.take(at: 10, now: .now + .seconds(6)) else {
            return #expect(Bool(false))
        }
        await #expect(throws: Failure.self) {
            try await upload.write(ByteBuffer(repeating: 2, count: 10), turn: first)
        }
        await upload.release(first)
        guard case .busy = await upload.take(at: 10) else { return #expect(Bool(false)) }
        try await upload.write(ByteBuffer(repeating: 3, count: 90), turn: second)
        #expect(try await uploads.settle(upload, second).blob != nil)
    }

    @Test func `an empty file needs no bytes`() async throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let view = try await uploads().begin(size: 0, list: [], user: "ana").view
        #expect(view.blob == BlobID(size: 0, list: []).description)
    }

    @Test func `a user's unfinished uploads are bounded, and what nobody touches goes`() async throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let uploads = try uploads(.init(bytesPerUser: 1000, uploadsPerUser: 3, keep: .seconds(60)))
        func begin(_ size: UInt64, _ user: String = "ana") async -> Failure.Code? {
            do throws(Failure) {
                _ = try await uploads.begin(size: size, list: [], user: user)
                return nil
            } catch { return error.code }
        }
        #expect(await begin(1001) == .tooLarge)
        #expect(await begin(600) == nil)
        #expect(await begin(401) == .tooLarge)
        #expect(await begin(401, "ben") == nil)
        for _ in 0..<2 { #expect(await begin(1) == nil) }
        #expect(await begin(1) == .tooMany)
        let place = folder + "/uploads"
        #expect(try FileManager.default.contentsOfDirectory(atPath: place).count == 4)
        await uploads.sweep(at: Moment.now().unixMilliseconds + 50_000)
        #expect(try FileManager.default.contentsOfDirectory(atPath: place).count == 4)
        await uploads.sweep(at: Moment.now().unixMilliseconds + 61_000)
        #expect(try FileManager.default.contentsOfDirectory(atPath: place).isEmpty)
        #expect(await begin(600) == nil)
    }

    @Test func `a list of another length and more than the disk has are refused`() async throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let uploads = try uploads(.init(bytesPerUser: .max))
        await #expect { try await uploads.begin(size: 5, list: [1], user: "ana") } throws: {
            ($0 as? Failure)?.code == .badRequest
        }
        await #expect { try await uploads.begin(size: 1 << 60, list: [], user: "ana") } throws: {
            ($0 as? Failure)?.code == .noSpace
        }
    }
}
