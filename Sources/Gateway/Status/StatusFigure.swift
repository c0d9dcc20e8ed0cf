import FoundationEssentials
import Messages
import SwiftProtobuf
import Synchronization

/// What a node said of itself at one moment; read and written as JSON when it is first shown, once for all who look.
final class StatusFigure: Sendable {
    /// 4,096 cores are 36 KiB.
    static let largestBytes = 256 << 10

    private struct Texts {
        var full: [UInt8]?
        var brief: [UInt8]?
    }

    let node: NodeName
    let arrived: ContinuousClock.Instant
    private let body: [UInt8]
    private let texts = Mutex(Texts())

    /// Nil for what is too large to be a node's figures.
    init?(_ node: NodeName, _ body: [UInt8], at now: ContinuousClock.Instant) {
        guard body.count <= Self.largestBytes else { return nil }
        (self.node, self.body, arrived) = (node, body, now)
    }

    /// A JSON object; empty where the node's words make no sense.
    func json(isBrief: Bool) -> [UInt8] {
        texts.withLock { texts in
            if let known = isBrief ? texts.brief : texts.full { return known }
            let made = make(isBrief: isBrief)
            if isBrief { texts.brief = made } else { texts.full = made }
            return made
        }
    }

    private func make(isBrief: Bool) -> [UInt8] {
        guard let status = try? WireStatus(serializedBytes: body) else { return [] }
        let view = StatusView(node, status)
        return (try? JSONEncoder.plain.encode(isBrief ? view.brief : view)).map { [UInt8]($0) } ?? []
    }
}
