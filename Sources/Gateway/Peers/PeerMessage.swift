import Bus
import Messages

/// A message from or to another gateway.
struct PeerMessage: Sendable {
    let peer: Principal
    let lane: Link.Lane
    let header: Header
    /// As it goes over the wire, for the tag.
    let headerBytes: [UInt8]
    let body: [UInt8]
    let tag: [UInt8]
    /// By which it came or goes; nil: by all.
    let broker: Int?

    /// Longer questions are dropped unread; pieces of logs and news are answers.
    static let longestQuestion = 1 << 20
}

extension Verb {
    /// Asks another gateway for something.
    var isQuestion: Bool {
        switch self {
        case .catchUp, .newsAsked, .pieceAsked, .stopHandedOn, .stopAllHandedOn: true
        default: false
        }
    }

    /// Answers what another gateway asked.
    var isAnswer: Bool {
        switch self {
        case .news, .piece, .stopTaken, .failure: true
        default: false
        }
    }
}
