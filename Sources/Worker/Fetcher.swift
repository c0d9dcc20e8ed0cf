import Bus
import Glibc
import Messages
import Spool
import SwiftProtobuf
import ZeroMQ

/// Gets the files of one order over the bulk lane, as `Fetch` decides, and verifies every piece. On the loop.
final class Fetcher {
    enum News {
        case percent(Int)
        case complete
        case failed(Failure)
    }

    private let execution: ExecutionID
    private let files: [WireFile]
    private let owner: Principal
    private let site: Site
    private let tell: (News) -> Void
    private var fetch: Fetch
    private var assemblies: [FileAssembly] = []
    private var spoilt = 0
    private var isOver = false

    /// Pieces that may come spoilt before the file is given up.
    private static let mostSpoilt = 3

    init(_ execution: ExecutionID, files: [WireFile], owner: Principal, site: Site, tell: @escaping (News) -> Void) {
        self.execution = execution
        self.files = files
        self.owner = owner
        self.site = site
        self.tell = tell
        fetch = Fetch(sizes: files.map(\.size))
    }

    func start() {
        do throws(SystemError) {
            for (number, file) in files.enumerated() {
                let path = site.store.assembly(of: execution, file: number)
                assemblies.append(FileAssembly(try Assembly(path, blob: [UInt8](file.blob), size: file.size)))
            }
        } catch {
            return fail(error)
        }
        pump()
    }

    /// Asks for what is to be asked for now; also called now and then, for what did not come.
    func pump() {
        guard !isOver else { return }
        for piece in fetch.requests(at: site.loop.now) {
            let request = WireChunkRequest.with {
                $0.blob = files[piece.file].blob
                $0.index = piece.index
            }
            guard let body: [UInt8] = try? request.serializedBytes() else { continue }
            site.link?.send(
                .bulk, to: owner, Header(.chunkRequest, execution, sequence: UInt64(piece.file)), body: body)
        }
    }

    /// A chunk's body: its index, then its bytes. The header's sequence came back from the request: the file's number.
    func arrived(_ header: Header, _ body: [UInt8]) {
        var reader = ByteReader(body)
        let index = reader.u32()
        guard !isOver, !reader.isShort, header.sequence < UInt64(files.count) else { return }
        let piece = Fetch.Piece(file: Int(header.sequence), index: index)
        let bytes = Array(body.dropFirst(4))
        do throws(Assembly.Problem) {
            try assemblies[piece.file].take(bytes, index: index)
        } catch {
            switch error {
            case .hashMismatch:
                // What does not count as arrived is asked for again.
                spoilt += 1
                guard spoilt > Self.mostSpoilt else { return }
                let name = files[piece.file].name
                return refused(
                    Failure(
                        .hashMismatch, "the bytes of \(name) that reached \(site.node) are not those that were sent"))
            case .system(let error): return fail(error)
            }
        }
        guard fetch.arrived(piece) else { return }
        if fetch.isComplete {
            isOver = true
            return tell(.complete)
        }
        if let percent = fetch.news() { tell(.percent(percent)) }
        pump()
    }

    func refused(_ failure: Failure) {
        guard !isOver else { return }
        isOver = true
        tell(.failed(failure))
    }

    private func fail(_ error: SystemError) {
        let code: Failure.Code = error.errno == ENOSPC ? .noSpace : .internal
        refused(Failure(code, "\(site.node) could not keep the file: \(error)"))
    }
}

/// An assembly that an array can hold.
private final class FileAssembly {
    private var assembly: Assembly

    init(_ assembly: consuming Assembly) { self.assembly = assembly }

    func take(_ bytes: [UInt8], index: UInt32) throws(Assembly.Problem) {
        if index == Fetch.list { try assembly.take(list: bytes) } else { try assembly.take(chunk: bytes, index: index) }
    }
}
