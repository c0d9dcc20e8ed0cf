import Glibc
import NIOCore
import Sodium
import Synchronization

/// Brings a source's bytes to the gateway, and only those that it lacks: those of a nearly equal file that was brought
/// before, and of an upload that was cut off, are there.
struct Upload {
    struct Wish: Encodable {
        var size: Int
        /// The hashes of the chunks, in base64url.
        var list: String
    }

    /// How far it is (docs/protocol.md §10); with `blob` it is finished.
    struct Place: Decodable {
        var upload: String?
        var offset: Int?
        var missing: [[Int]]?
        var blob: String?

        /// What to bring next.
        func next(of size: Int) -> Range<Int> {
            if let first = missing?.first, first.count == 2, first[0] <= first[1] { return first[0]..<first[1] }
            return min(offset ?? size, size)..<size
        }

        /// How many bytes are there.
        func here(of size: Int) -> Int {
            guard let missing else { return offset ?? size }
            return size - missing.reduce(0) { $0 + ($1.count == 2 ? $1[1] - $1[0] : 0) }
        }
    }

    let gateway: Gateway
    let source: UploadSource
    let meter: UploadMeter

    /// The gateway may have to read as much as is to be sent.
    private static let surveyTime = TimeAmount.minutes(10)
    private static let firstPause = Duration.milliseconds(50)
    private static let longestPause = Duration.seconds(1)
    /// How long another connection at the same upload is waited for.
    private static let longestBusy = Duration.seconds(60)

    /// Returns when the gateway has all of it; one that goes away in the middle is waited for without end.
    func run() async throws -> Blob {
        defer { meter.clear() }
        let list = try source.hashes { meter.read($0) }
        let wish = Wish(size: source.size, list: Base64URL.encode(list))
        var place: Place = try await gateway.post("uploads", wish, within: Self.surveyTime)
        meter.begin(here: place.blob == nil ? place.here(of: source.size) : source.size)
        var pause = Self.firstPause
        var since = ContinuousClock.now
        var isAway = false
        while true {
            if let blob = place.blob {
                meter.end(blob)
                return Blob(blob: blob, size: UInt64(source.size))
            }
            do {
                place = try await bring(place)
                (pause, since) = (Self.firstPause, .now)
                continue
            } catch let error as CommandError {
                guard error.isPassing, !(error.isBusy && ContinuousClock.now > since + Self.longestBusy) else {
                    throw changed(error)
                }
                if case .away = error, !isAway {
                    isAway = true
                    meter.say("the gateway went away; waiting for it")
                }
            }
            try await Task.sleep(for: pause)
            pause = min(pause * 2, Self.longestPause)
            guard let again = try await ask(wish) else { continue }
            if isAway { meter.say("the gateway is back") }
            (place, isAway) = (again, false)
            meter.resume(here: place.blob == nil ? place.here(of: source.size) : source.size)
        }
    }

    private func bring(_ place: Place) async throws -> Place {
        guard let upload = place.upload else { throw CommandError.misunderstood("an upload without a name") }
        let range = place.next(of: source.size)
        let pieces = SourcePieces(source: source, range: range) { meter.sent($0) }
        do {
            return try await gateway.send(
                "uploads/\(upload)?offset=\(range.lowerBound)", pieces, count: Int64(range.count))
        } catch {
            throw pieces.problem.error.withLock { $0 } ?? error
        }
    }

    /// Asks where to go on; nil while the gateway does not answer.
    private func ask(_ wish: Wish) async throws -> Place? {
        do {
            return try await gateway.post("uploads", wish, within: Self.surveyTime)
        } catch let error as CommandError where error.isPassing {
            return nil
        }
    }

    private func changed(_ error: CommandError) -> CommandError {
        guard case .refused(_, let reason) = error, reason.code == "hash_mismatch" else { return error }
        return .local("\(source.path) changed while it was sent; the same command again sends it as it is now")
    }
}

extension CommandError {
    /// Whether the same may come about a moment later.
    fileprivate var isPassing: Bool {
        switch self {
        case .away: true
        case .refused(let status, let reason):
            status == 503 && reason.code != "no_space" || status == 502 || status == 408 || status == 409
                || reason.code == "unknown_upload"
        default: false
        }
    }

    fileprivate var isBusy: Bool {
        if case .refused(409, _) = self { true } else { false }
    }
}
