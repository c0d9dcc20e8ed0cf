import Messages

/// What travels in a simulation: the messages of the wire, their bodies not made bytes of.
enum Letter {
    // Between a peer and its broker.
    case hello(WireHello)
    case helloAsked(isUnheard: Bool)
    case welcome(instance: UInt64)
    case heartbeat(digest: UInt64)
    case subscribe([String])
    case rosterAsked
    case roster(WireRoster)
    case absent(ExecutionID, [NodeName])
    case presence(WirePresence)
    // A gateway's to a node.
    case order(ExecutionID, body: [UInt8], tag: [UInt8])
    case stop(ExecutionID, graceMilliseconds: UInt64)
    case reported(ExecutionID, sequence: UInt64)
    case taken(ExecutionID, spool: UInt64, position: UInt64, window: UInt64)
    case copied(ExecutionID, spool: UInt64, position: UInt64)
    case replay(ExecutionID, spool: UInt64, from: UInt64, to: UInt64)
    case clock(Int64, of: Int)
    // A node's to a gateway.
    case report(ExecutionID, WireReport)
    case replayed(ExecutionID, Replayed)
    case range(Slice)
    case slice(topic: [UInt8], Slice)

    struct Replayed {
        var spool: UInt64
        var released: UInt64
        var length: UInt64
        var gone = false
    }
}

/// A piece of a spool: where it is from stands for its bytes.
struct Slice {
    var execution: ExecutionID
    var node: Int
    var spool: UInt64
    var position: UInt64
    var length: Int
}

extension Letter {
    /// A number over what it says; what a seal covers and a trace notes.
    var number: UInt64 {
        switch self {
        case .hello(let hello): Self.mix(1, UInt64(hello.runs.count), 0)
        case .helloAsked(let isUnheard): isUnheard ? 20 : 2
        case .welcome(let instance): Self.mix(3, instance, 0)
        case .heartbeat(let digest): Self.mix(4, digest, 0)
        case .subscribe(let prefixes): Self.mix(5, UInt64(prefixes.count), 0)
        case .rosterAsked: 6
        case .roster(let roster): Self.mix(7, roster.instance, roster.sequence)
        case .absent(let id, let nodes): Self.mix(8, id.low, UInt64(nodes.count))
        case .presence(let presence): Self.mix(9, presence.sequence, presence.present ? 1 : 0)
        case .order(let id, let body, let tag): Self.mix(10, id.low, UInt64(body.count) << 8 | UInt64(tag.first ?? 0))
        case .stop(let id, let grace): Self.mix(11, id.low, grace)
        case .reported(let id, let sequence): Self.mix(12, id.low, sequence)
        case .copied(let id, let spool, let position): Self.mix(13, id.low ^ spool, position)
        case .taken(let id, let spool, let position, let window): Self.mix(21, id.low ^ spool ^ window << 32, position)
        case .replay(let id, let spool, let from, let to): Self.mix(14, id.low ^ spool, from &* 31 &+ to)
        case .clock(let milliseconds, let gateway): Self.mix(15, UInt64(bitPattern: milliseconds), UInt64(gateway))
        case .report(let id, let report):
            Self.mix(16, id.low ^ report.finalLength, report.sequence << 8 | UInt64(report.state.rawValue))
        case .replayed(let id, let answer): Self.mix(17, id.low ^ answer.released, answer.length)
        case .range(let slice): Self.mix(18, slice.execution.low ^ slice.spool, slice.position)
        case .slice(_, let slice): Self.mix(19, slice.execution.low ^ slice.spool, slice.position)
        }
    }

    var text: String {
        switch self {
        case .hello: "hello"
        case .helloAsked: "hello?"
        case .welcome(let instance): "welcome \(instance)"
        case .heartbeat: "heartbeat"
        case .subscribe(let prefixes): "subscribe \(prefixes)"
        case .rosterAsked: "roster?"
        case .roster(let roster): "roster of \(roster.nodes.count(where: \.present)) present"
        case .absent(let id, let nodes): "absent \(id.short) \(nodes)"
        case .presence(let presence): "presence \(presence.node) \(presence.present)"
        case .order(let id, _, _): "order \(id.short)"
        case .stop(let id, let grace): "stop \(id.short) grace \(grace) ms"
        case .reported(let id, let sequence): "reported \(id.short) \(sequence)"
        case .copied(let id, _, let position): "copied \(id.short) \(position)"
        case .taken(let id, _, let position, _): "taken \(id.short) \(position)"
        case .replay(let id, _, let from, let to): "replay \(id.short) \(from)..<\(to)"
        case .clock(let milliseconds, _): "clock \(milliseconds)"
        case .report(let id, let report): "report \(id.short) \(report.state) sequence \(report.sequence)"
        case .replayed(let id, let answer):
            "replayed \(id.short) from \(answer.released) to \(answer.length)\(answer.gone ? " gone" : "")"
        case .range(let slice): "range \(slice.execution.short) \(slice.position) + \(slice.length)"
        case .slice(_, let slice): "slice \(slice.execution.short) \(slice.position) + \(slice.length)"
        }
    }

    static func mix(_ kind: UInt64, _ a: UInt64, _ b: UInt64) -> UInt64 {
        Dice.mixed(Dice.mixed(a &+ kind &* 0x9E37_79B9_7F4A_7C15) ^ b)
    }
}

extension ExecutionID {
    /// Enough to tell them apart in a trace.
    var short: String { String(description.suffix(5)) }
}

extension Letter {
    /// Whose bytes a broker that cannot hand it on says `absent` about.
    var execution: ExecutionID? {
        switch self {
        case .order(let id, _, _), .stop(let id, _), .reported(let id, _), .taken(let id, _, _, _),
            .copied(let id, _, _), .replay(let id, _, _, _):
            id
        case .report(let id, _), .replayed(let id, _): id
        case .range(let slice): slice.execution
        default: nil
        }
    }
}
