import Bus
import Glibc
import Messages
import Spool
import SwiftProtobuf
import ZeroMQ

/// Gets the files of one order over the bulk lane, as `Fetch` decides, and verifies every piece. On the loop; chores read,
/// hash and write.
final class Fetcher {
    enum News {
        case percent(Int)
        case complete(fetchedBytes: UInt64, reusedBytes: UInt64)
        case failed(Failure)
    }

    private let execution: ExecutionID
    private let parcels: [Parcel]
    private let account: Account
    /// Who has the files; another gateway once that one has taken the execution over.
    var owner: Principal
    private let site: Site
    private let tell: (News) -> Void
    private var fetch: Fetch
    private var assemblies: [Assembly?]
    private var spoilt = 0
    private var isOver = false

    /// Pieces that may come spoilt before the order is given up.
    private static let mostSpoilt = 3

    init(
        _ execution: ExecutionID, _ parcels: [Parcel], account: Account, owner: Principal, site: Site,
        tell: @escaping (News) -> Void
    ) {
        self.execution = execution
        self.parcels = parcels
        self.account = account
        self.owner = owner
        self.site = site
        self.tell = tell
        fetch = Fetch(parcels)
        assemblies = parcels.map { _ in nil }
    }

    /// The blobs that are whole here now.
    var lists: [ChunkList] { fetch.isComplete ? assemblies.compactMap { $0?.list } : [] }

    func start() {
        guard !parcels.isEmpty else { return endIfComplete() }
        for (number, parcel) in parcels.enumerated() { look(for: parcel, number) }
    }

    /// Asks for what is to be asked for now; also called now and then, for what did not come.
    func pump() {
        guard !isOver else { return }
        let room = site.room(for: execution, inFlight: fetch.inFlight)
        for piece in fetch.requests(at: site.loop.now, room: room) {
            let request = WireChunkRequest.with {
                $0.blob = .init(parcels[piece.parcel].blob)
                $0.index = piece.index
            }
            guard let body: [UInt8] = try? request.serializedBytes() else { continue }
            site.link?.send(
                .bulk, to: owner, Header(.chunkRequest, execution, sequence: UInt64(piece.parcel)), body: body)
        }
        site.inFlight[execution] = fetch.inFlight
    }

    /// A chunk's body: its index, then its bytes. The header's sequence came back from the request: the parcel's number.
    func arrived(_ header: Header, _ body: [UInt8]) {
        var reader = ByteReader(body)
        let index = reader.u32()
        guard !isOver, !reader.isShort, header.sequence < UInt64(parcels.count) else { return }
        let piece = Fetch.Piece(parcel: Int(header.sequence), index: index)
        guard fetch.awaits(piece) else { return }
        index == Fetch.list ? take(list: Array(body.dropFirst(4)), piece) : take(chunk: body, piece)
    }

    func refused(_ failure: Failure) {
        guard !isOver else { return }
        end()
        tell(.failed(failure))
    }

    /// Nothing more is asked for or told.
    func end() {
        isOver = true
        site.inFlight[execution] = nil
    }

    // MARK: The list of a parcel

    /// Whether its list is here: beside what an earlier worker had put together, or in the cache.
    private func look(for parcel: Parcel, _ number: Int) {
        let (cache, path) = (site.cacheFolder, site.store.assembly(of: execution, parcel.blob))
        let isCached = site.cache.holds(parcel.blob)
        chore { () -> ChunkList? in
            let own = {
                ChunkList((try? File.contents(path + CacheFolder.listEnding, limit: 64 << 20)) ?? [], of: parcel)
            }
            if parcel.size == 0 { return ChunkList([], of: parcel) }
            if let list = own() { return list }
            if isCached { cache.lend(parcel.blob, as: path) }
            return own()
        } then: { fetcher, list in
            guard let list else {
                fetcher.fetch.lacksList(of: number)
                return fetcher.pump()
            }
            if isCached { fetcher.site.cache.use(parcel.blob) }
            fetcher.begin(number, list)
        }
    }

    private func take(list bytes: [UInt8], _ piece: Fetch.Piece) {
        let parcel = parcels[piece.parcel]
        guard let list = ChunkList(bytes, of: parcel) else { return isSpoilt(piece) }
        guard fetch.arrived(piece, bytes: bytes.count, at: site.loop.now) else { return }
        begin(piece.parcel, list)
    }

    /// Sees what of a parcel is here, and then asks for the rest.
    private func begin(_ number: Int, _ list: ChunkList) {
        let (cache, places) = (site.cacheFolder, site.cache.places(of: list))
        let path = site.store.assembly(of: execution, list.parcel.blob)
        chore { () -> Result<(Assembly, Set<UInt32>), SystemError> in
            do throws(SystemError) {
                let kept = try File(path + CacheFolder.listEnding, O_WRONLY | O_CREAT)
                try kept.write(list.bytes)
                let assembly = try Assembly(path, list)
                return .success((assembly, try assembly.salvage(from: cache, places)))
            } catch {
                return .failure(error)
            }
        } then: { fetcher, result in
            switch result {
            case .success(let (assembly, held)):
                fetcher.assemblies[number] = assembly
                fetcher.fetch.begins(number, holding: held)
                fetcher.goOn()
            case .failure(let error): fetcher.fail(error)
            }
        }
    }

    // MARK: Chunks

    private func take(chunk body: [UInt8], _ piece: Fetch.Piece) {
        guard let assembly = assemblies[piece.parcel] else { return }
        chore { () -> Assembly.Problem? in
            do throws(Assembly.Problem) {
                try assembly.take(body.dropFirst(4), at: piece.index)
                return nil
            } catch {
                return error
            }
        } then: { fetcher, problem in
            switch problem {
            case .hashMismatch: fetcher.isSpoilt(piece)
            case .system(let error): fetcher.fail(error)
            case nil:
                guard fetcher.fetch.arrived(piece, bytes: body.count - 4, at: fetcher.site.loop.now) else { return }
                fetcher.goOn()
            }
        }
    }

    private func goOn() {
        if fetch.isComplete { return endIfComplete() }
        if let percent = fetch.news(at: site.loop.now) { tell(.percent(percent)) }
        pump()
    }

    private func endIfComplete() {
        guard fetch.isComplete else { return }
        end()
        tell(.complete(fetchedBytes: fetch.fetchedBytes, reusedBytes: fetch.reusedBytes))
    }

    private func isSpoilt(_ piece: Fetch.Piece) {
        spoilt += 1
        fetch.spoilt(piece)
        guard spoilt > Self.mostSpoilt else { return pump() }
        refused(
            Failure(
                .hashMismatch, "the bytes that reached \(site.node) are not those that were sent; deploy them again"))
    }

    private func fail(_ error: SystemError) {
        let code: Failure.Code = error.errno == ENOSPC ? .noSpace : .internal
        refused(Failure(code, "\(site.node) could not keep the file: \(error)"))
    }

    /// Does what blocks away from the loop, then goes on here, where this is not over meanwhile.
    private func chore<Value: Sendable>(
        _ work: @escaping @Sendable () -> Value, then: @escaping @Sendable (Fetcher, Value) -> Void
    ) {
        let (fetcher, mailbox) = (site.loop.bind(self), site.loop.mailbox)
        site.userChores.add(for: account.uid) {
            let value = work()
            mailbox.post {
                let fetcher = fetcher.value
                if !fetcher.isOver { then(fetcher, value) }
            }
        }
    }
}
