import AsyncHTTPClient
import Messages
import NIOCore

/// Carries a `Follower` over connections: reads frames, writes what they show, comes back when the gateway went away.
struct Follow {
    let gateway: Gateway
    let execution: String
    let node: NodeName?
    /// Go on until the execution is complete, or end with what is there.
    let goesOn: Bool
    let meter: FetchMeter

    /// The wait before the first attempt to come back; it doubles up to `longestPause`.
    private static let firstPause = Duration.milliseconds(50)
    private static let longestPause = Duration.seconds(1)

    /// Shows everything and returns when all is shown. A gateway that goes away in the middle is waited for without end.
    func run(_ follower: inout Follower) async throws {
        var pause = Self.firstPause
        var isAway = false
        var buffer = OutputBuffer(keepsOrder: StandardStreams.areOne)
        while true {
            do {
                try await read(&follower, &buffer) {
                    if isAway { StandardStreams.say("the gateway is back") }
                    isAway = false
                    pause = Self.firstPause
                }
                if follower.isComplete || (follower.isCaughtUp && !goesOn) { break }
                throw CommandError.away(gateway: gateway.url, reason: "the connection ended")
            } catch CommandError.refused(_, let reason) where reason.code == "offset_ahead" && node == nil {
                follower.startOver()
            } catch let error as CommandError {
                guard error.isPassing else { throw error }
                if !isAway { StandardStreams.say("the gateway went away; waiting for it") }
                isAway = true
            }
            try await Task.sleep(for: pause)
            pause = min(pause * 2, Self.longestPause)
            follower.reconnect()
        }
        follower.finish(into: &buffer)
        try write(&buffer, follower)
    }

    private func read(
        _ follower: inout Follower, _ buffer: inout OutputBuffer, opened: () -> Void
    ) async throws {
        let body = try await gateway.open(path(follower.place))
        opened()
        var decoder = FrameDecoder()
        do {
            for try await piece in body {
                piece.withUnsafeReadableBytes { decoder.receive($0) }
                while let frame = try decoder.next() { try follower.receive(frame, into: &buffer) }
                try write(&buffer, follower)
                for note in follower.takeNotes() { StandardStreams.say(note) }
                if follower.isComplete || (follower.isCaughtUp && !goesOn) { return }
            }
        } catch let error where !(error is CommandError || error is CancellationError || error is ReaderGone) {
            throw CommandError.away(gateway: gateway.url, reason: "\(error)")
        }
    }

    private func path(_ place: Follower.Place) -> String {
        let follow = goesOn ? "follow=true&" : ""
        let query = node.map { "node=\($0)&position=\(place.position)" } ?? "offset=\(place.offset)"
        let log = node == nil ? place.log.map { "&log=\($0)" } ?? "" : ""
        return "executions/\(execution)/frames?\(follow)\(query)\(log)"
    }

    private func write(_ buffer: inout OutputBuffer, _ follower: Follower) throws(ReaderGone) {
        guard meter.write(&buffer, of: execution, follower.runs.values) else { throw ReaderGone() }
    }
}

/// Nobody reads stdout any more, as in `estiba logs … | head`.
struct ReaderGone: Error {}

extension CommandError {
    /// Whether the gateway may be back a moment later.
    fileprivate var isPassing: Bool {
        switch self {
        case .away: true
        case .refused(let status, _): status == 503 || status == 502
        default: false
        }
    }
}
