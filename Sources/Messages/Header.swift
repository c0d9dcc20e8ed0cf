/// What a message on the commands and bulk lanes asks for; the numbers are the wire's.
package enum Verb: UInt8, Sendable, CaseIterable {
    case hello = 1
    case welcome = 2
    case helloAsked = 3
    case heartbeat = 4
    case roster = 5
    case follow = 6
    case absent = 7
    case failure = 8
    case grants = 9
    case order = 16
    case stop = 17
    case report = 18
    case reported = 19
    case copied = 20
    case replay = 21
    case replayed = 22
    case clock = 23
    case removeService = 24
    case adopted = 25
    case adoptedTaken = 26
    case revocations = 27
    case revocationsAsked = 28
    case taken = 29
    case chunkRequest = 32
    case chunk = 33
    case range = 34
    case catchUp = 48
    case newsAsked = 49
    case news = 50
    case pieceAsked = 51
    case piece = 52
    case stopHandedOn = 53
    case stopAllHandedOn = 54
    case stopTaken = 55
}

/// The fixed 32 bytes in front of every body (docs/protocol.md §3).
package struct Header: Hashable, Sendable {
    package static let size = 32
    /// The sequence of a `helloAsked` to a peer that has been silent, as far as the broker knows.
    package static let unheard: UInt64 = 1

    package var verb: Verb
    package var sequence: UInt64
    /// All zero where the message is not about one execution.
    package var execution: ExecutionID

    package init(_ verb: Verb, _ execution: ExecutionID = ExecutionID(high: 0, low: 0), sequence: UInt64 = 0) {
        self.verb = verb
        self.execution = execution
        self.sequence = sequence
    }

    package enum Malformed: Error, Equatable {
        case size(Int)
        case version(UInt8)
        case verb(UInt8)
        case reserved
        case execution
    }

    package init(bytes: [UInt8]) throws(Malformed) {
        guard bytes.count == Self.size else { throw .size(bytes.count) }
        var reader = ByteReader(bytes)
        let version = reader.u8()
        guard ProtocolVersion.isSpoken(version) else { throw .version(version) }
        let verb = reader.u8()
        guard let known = Verb(rawValue: verb) else { throw .verb(verb) }
        guard reader.u16() == 0, reader.u32() == 0 else { throw .reserved }
        let sequence = reader.u64()
        guard let execution = ExecutionID(bytes: reader.take(16)) else { throw .execution }
        self.init(known, execution, sequence: sequence)
    }

    package var bytes: [UInt8] {
        var writer = ByteWriter(capacity: Self.size)
        writer.u8(ProtocolVersion.written)
        writer.u8(verb.rawValue)
        writer.u16(0)
        writer.u32(0)
        writer.u64(sequence)
        writer.append(execution.bytes)
        return writer.bytes
    }
}
