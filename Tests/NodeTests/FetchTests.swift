import Foundation
import Glibc
import Messages
import Sodium
import Testing

@testable import Worker

/// `#expect` for what a mutating call returns, which the macro does not take.
private func expect<Value: Equatable>(_ found: Value, _ wanted: Value, at place: SourceLocation = #_sourceLocation) {
    #expect(found == wanted, sourceLocation: place)
}

/// A blob of these chunks, as a gateway would name it.
private func blob(_ chunks: [[UInt8]]) throws -> ChunkList {
    let list = chunks.flatMap { Blake2b.hash($0) }
    let size = chunks.reduce(0) { $0 + UInt64($1.count) }
    var length = ByteWriter()
    length.u64(size)
    let id = Blake2b.hash(Array("estiba blob v1".utf8), length.bytes, list)
    return try #require(ChunkList(list, of: Parcel(blob: id, size: size)))
}

private func chunk(_ filling: UInt8) -> [UInt8] { [UInt8](repeating: filling, count: 1 << 20) }

struct FetchTests {
    let start = ContinuousClock.now

    private func fetch(_ chunks: UInt64, holding: Set<UInt32> = []) -> Fetch {
        var fetch = Fetch([Parcel(blob: [1], size: chunks << 20)])
        fetch.begins(0, holding: holding)
        return fetch
    }

    @Test func `the list comes first where it is not here, then the chunks that are not`() {
        var fetch = Fetch([Parcel(blob: [1], size: 6 << 20)])
        expect(fetch.requests(at: start), [])
        fetch.lacksList(of: 0)
        expect(fetch.requests(at: start), [.init(parcel: 0, index: Fetch.list)])
        expect(fetch.arrived(.init(parcel: 0, index: Fetch.list), bytes: 192, at: start), true)
        #expect(!fetch.isComplete)
        fetch.begins(0, holding: [1, 5])
        expect(fetch.percent, 33)
        expect(fetch.requests(at: start).map(\.index), [0, 2, 3, 4])
        for index in [UInt32(0), 2, 3, 4] {
            expect(fetch.arrived(.init(parcel: 0, index: index), bytes: 1 << 20, at: start), true)
        }
        #expect(fetch.isComplete && fetch.percent == 100)
        #expect(fetch.fetchedBytes == 4 << 20 + 192 && fetch.reusedBytes == 2 << 20)
    }

    @Test func `what is all here is not fetched, and an empty file is`() {
        var whole = fetch(3, holding: [0, 1, 2])
        expect(whole.requests(at: start), [])
        #expect(whole.isComplete && whole.fetchedBytes == 0 && whole.reusedBytes == 3 << 20)
        #expect(fetch(0).isComplete && fetch(0).percent == 100)
        #expect(Fetch([]).isComplete)
    }

    @Test func `what does not come is asked for again, later each time, and what comes twice counts once`() {
        var fetch = fetch(1)
        let piece = Fetch.Piece(parcel: 0, index: 0)
        expect(fetch.requests(at: start), [piece])
        expect(fetch.requests(at: start + .seconds(2)), [])
        expect(fetch.requests(at: start + .seconds(3)), [piece])
        expect(fetch.requests(at: start + .seconds(8)), [])
        expect(fetch.requests(at: start + .seconds(9)), [piece])
        expect(fetch.arrived(piece, bytes: 1, at: start), true)
        expect(fetch.arrived(piece, bytes: 1, at: start), false)
    }

    @Test func `a spoilt piece is asked for at once`() {
        var fetch = fetch(1)
        let piece = Fetch.Piece(parcel: 0, index: 0)
        _ = fetch.requests(at: start)
        fetch.spoilt(piece)
        #expect(!fetch.isComplete)
        expect(fetch.requests(at: start), [piece])
    }

    @Test func `the node's room bounds an order's requests`() {
        var fetch = fetch(9)
        expect(fetch.requests(at: start, room: 1).count, 1)
        expect(fetch.requests(at: start, room: 0).count, 0)
        expect(fetch.requests(at: start, room: 9).count, 3)
    }

    @Test func `each percent is told, four times a second at most`() {
        var fetch = fetch(200)
        var told: [Int] = []
        var now = start
        while !fetch.isComplete {
            for piece in fetch.requests(at: now) {
                now += .milliseconds(20)
                _ = fetch.arrived(piece, bytes: 1 << 20, at: now)
                if let percent = fetch.news(at: now) { told.append(percent) }
            }
        }
        // 200 chunks in 4 s.
        #expect(told == told.sorted() && (14...17).contains(told.count), "\(told)")
        var slow = self.fetch(100)
        var slowly: [Int] = []
        now = start
        while !slow.isComplete {
            for piece in slow.requests(at: now) {
                now += .milliseconds(300)
                _ = slow.arrived(piece, bytes: 1, at: now)
                if let percent = slow.news(at: now) { slowly.append(percent) }
            }
        }
        #expect(slowly == Array(1...99))
    }
}

struct WindowTests {
    /// The link takes `service` for a chunk and `delay` for a round trip without a queue.
    private func settled(service: Duration, delay: Duration) -> Int {
        var window = Window()
        window.arrived(after: service + delay)
        for _ in 0..<500 { window.arrived(after: max(service + delay, service * window.size)) }
        return window.size
    }

    @Test func `a long link gets many chunks, a near one few`() {
        // 1 Gbit/s: 8 ms a chunk. Over 100 ms it holds 13 chunks.
        #expect((13...16).contains(settled(service: .milliseconds(8), delay: .milliseconds(100))))
        #expect((2...5).contains(settled(service: .milliseconds(8), delay: .microseconds(200))))
    }

    @Test func `losses make it small and patient, and it stays within its bounds`() {
        var window = Window()
        for _ in 0..<20 { window.lost() }
        #expect(window.size == Window.least && window.patience == .seconds(60))
        window.arrived(after: .milliseconds(1))
        #expect(window.patience == .seconds(3))
        for _ in 0..<10_000 { window.arrived(after: .milliseconds(1)) }
        #expect(window.size == Window.most)
    }
}

struct CacheTests {
    @Test func `the one used longest ago goes first, and never more is kept than the limit`() throws {
        var cache = Cache(limit: 3 << 20)
        let lists = try (UInt8(0)..<4).map { try blob([chunk($0)]) }
        for list in lists[0..<3] { expect(cache.add(list), []) }
        cache.use(lists[0].parcel.blob)
        expect(cache.add(lists[3]), [lists[1].parcel.blob])
        #expect(cache.bytes == 3 << 20 && cache.count == 3 && !cache.holds(lists[1].parcel.blob))
        let large = try blob((UInt8(10)..<13).map(chunk))
        expect(Set(cache.add(large)), Set([0, 2, 3].map { lists[$0].parcel.blob }))
        let tooLarge = try blob((UInt8(10)..<14).map(chunk))
        expect(cache.add(tooLarge), [tooLarge.parcel.blob])
        #expect(cache.holds(large.parcel.blob) && cache.bytes == 3 << 20)
        var none = Cache(limit: 0)
        expect(none.add(large), [large.parcel.blob])
    }

    @Test func `a chunk is found in whichever blob still has it`() throws {
        var cache = Cache(limit: 100 << 20)
        let first = try blob([chunk(1), chunk(2)])
        let second = try blob([chunk(2), chunk(3), [9]])
        _ = cache.add(first)
        _ = cache.add(second)
        let wanted = try blob([chunk(3), chunk(2), chunk(7)])
        let found = cache.places(of: wanted)
        #expect(found[0] == .init(parcel: second.parcel, index: 1) && found[1] != nil && found[2] == nil)
        cache.forget(first.parcel.blob)
        #expect(cache.places(of: wanted)[1] == .init(parcel: second.parcel, index: 0))
        cache.forget(second.parcel.blob)
        #expect(cache.places(of: wanted).isEmpty && cache.bytes == 0)
    }
}

struct AssemblyTests {
    private let scratch: ScratchFolder
    private let cache: CacheFolder

    init() throws {
        scratch = try ScratchFolder()
        cache = try CacheFolder(data: scratch.path)
    }

    private func assemble(_ chunks: [[UInt8]], as name: String) throws -> ChunkList {
        let list = try blob(chunks)
        let assembly = try Assembly("\(scratch.path)/\(name)", list)
        for (index, chunk) in chunks.enumerated() { try assembly.take(chunk[...], at: UInt32(index)) }
        try put(list.bytes, at: "\(scratch.path)/\(name).list", mode: 0o600)
        return list
    }

    private func bytes(_ name: String) throws -> [UInt8] {
        try [UInt8](Data(contentsOf: URL(filePath: "\(scratch.path)/\(name)")))
    }

    @Test func `verified chunks make the file, in any order`() throws {
        let chunks = [chunk(7), [1, 2, 3]]
        let assembly = try Assembly(scratch.path + "/file", try blob(chunks))
        try assembly.take(chunks[1][...], at: 1)
        try assembly.take(chunks[0][...], at: 0)
        #expect(try bytes("file") == chunks.flatMap { $0 })
    }

    @Test func `one flipped bit in list or chunk is refused and nothing of it is written`() throws {
        let list = try blob([[1, 2, 3]])
        var spoilt = list.bytes
        spoilt[5] ^= 1
        #expect(ChunkList(spoilt, of: list.parcel) == nil)
        let assembly = try Assembly(scratch.path + "/file", list)
        #expect(throws: Assembly.Problem.self) { try assembly.take([1, 2, 2], at: 0) }
        #expect(throws: Assembly.Problem.self) { try assembly.take([1, 2, 3], at: 1) }
        #expect(try bytes("file").isEmpty)
    }

    @Test func `what an earlier worker had put together is taken up, but for what was spoilt meanwhile`() throws {
        let chunks = [chunk(1), chunk(2), chunk(3), [4]]
        let list = try blob(chunks)
        let earlier = try Assembly(scratch.path + "/file", list)
        for index in [0, 1, 2] { try earlier.take(chunks[index][...], at: UInt32(index)) }
        let handle = try FileHandle(forUpdating: URL(filePath: scratch.path + "/file"))
        try handle.seek(toOffset: 1 << 20)
        try handle.write(contentsOf: Data([99]))
        try handle.close()
        let later = try Assembly(scratch.path + "/file", list)
        #expect(try later.salvage(from: cache, [:]) == [0, 2])
    }

    @Test func `a nearly equal file takes what it can from the cache, verified`() throws {
        var table = Cache(limit: 100 << 20)
        let old = try assemble([chunk(1), chunk(2), chunk(3)], as: "old")
        cache.keep(old.parcel.blob, from: scratch.path + "/old")
        _ = table.add(old)
        let list = try blob([chunk(1), chunk(9), chunk(3)])
        let assembly = try Assembly(scratch.path + "/new", list)
        #expect(try assembly.salvage(from: cache, table.places(of: list)) == [0, 2])
        try assembly.take(chunk(9)[...], at: 1)
        #expect(try bytes("new") == [1, 9, 3].flatMap { chunk($0) })
        // Spoilt on the disk: it is not used.
        let kept = try FileHandle(forUpdating: URL(filePath: cache.file(old.parcel.blob)))
        try kept.write(contentsOf: Data([99]))
        try kept.close()
        let third = try Assembly(scratch.path + "/third", list)
        #expect(try third.salvage(from: cache, table.places(of: list)) == [2])
    }

    @Test func `what is kept is found again, used longest ago first, and what is not whole goes`() throws {
        let first = try assemble([chunk(1)], as: "one")
        let second = try assemble([chunk(2)], as: "two")
        cache.keep(first.parcel.blob, from: scratch.path + "/one")
        cache.keep(second.parcel.blob, from: scratch.path + "/two")
        var longAgo = [timeval(tv_sec: 1, tv_usec: 0), timeval(tv_sec: 1, tv_usec: 0)]
        utimes(cache.file(second.parcel.blob), &longAgo)
        cache.lend(first.parcel.blob, as: scratch.path + "/lent")
        try put([1], at: cache.path + "/" + Hex.encode([UInt8](repeating: 1, count: 32)), mode: 0o600)
        try put([1], at: cache.path + "/" + Hex.encode([UInt8](repeating: 2, count: 32)) + ".list", mode: 0o600)
        #expect(try cache.all() == [second, first])
        #expect(try FileManager.default.contentsOfDirectory(atPath: cache.path).count == 4)
        cache.remove(first.parcel.blob)
        #expect(try bytes("lent") == chunk(1) && cache.all() == [second])
        // Kept again under the same name as the file that it is.
        cache.lend(second.parcel.blob, as: scratch.path + "/same")
        cache.keep(second.parcel.blob, from: scratch.path + "/same")
        #expect(try cache.all() == [second] && !FileManager.default.fileExists(atPath: scratch.path + "/same"))
    }
}
