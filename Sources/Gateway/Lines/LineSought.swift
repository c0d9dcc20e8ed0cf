import Glibc
import Messages

/// What is looked for in lines.
struct LineSought {
    static let mostBytes = 1000

    private enum Kind {
        case bytes([UInt8])
        /// Lower case, as far as ASCII goes.
        case anyCase([UInt8])
        case pattern(LineMatcher)
    }

    private var kind: Kind

    /// Throws `bad_request` where it is empty, too long, or no regular expression.
    init(_ text: String, isPattern: Bool, ignoresCase: Bool) throws(Failure) {
        let bytes = Array(text.utf8)
        guard (1...Self.mostBytes).contains(bytes.count), !bytes.contains(10) else {
            throw Failure(.badRequest, "What is looked for has 1 to \(Self.mostBytes) bytes, in one line.")
        }
        if isPattern {
            kind = .pattern(LineMatcher(try LinePattern(text, ignoresCase: ignoresCase)))
        } else {
            kind = ignoresCase ? .anyCase(bytes.map(Self.lower)) : .bytes(bytes)
        }
    }

    /// Whether it can be in any of the lines in these bytes; true where that is not quickly known.
    func mayBe(in bytes: UnsafeRawBufferPointer) -> Bool {
        switch kind {
        case .bytes(let sought): Self.find(sought, in: bytes)
        case .anyCase(let sought): Self.find(anyCase: sought, in: bytes)
        case .pattern: true
        }
    }

    mutating func matches(_ line: UnsafeRawBufferPointer) -> Bool {
        switch kind {
        case .bytes(let sought): return Self.find(sought, in: line)
        case .anyCase(let sought): return Self.find(anyCase: sought, in: line)
        case .pattern(var matcher):
            // Taken out, so that its table is changed in place.
            kind = .bytes([])
            defer { kind = .pattern(matcher) }
            return matcher.matches(line)
        }
    }

    private static func find(_ sought: [UInt8], in bytes: UnsafeRawBufferPointer) -> Bool {
        guard let base = bytes.baseAddress, bytes.count >= sought.count else { return false }
        let last = bytes.count - sought.count
        var at = next(sought[0], base, 0, last)
        while at <= last {
            if memcmp(base + at, sought, sought.count) == 0 { return true }
            at = next(sought[0], base, at + 1, last)
        }
        return false
    }

    private static func find(anyCase sought: [UInt8], in bytes: UnsafeRawBufferPointer) -> Bool {
        guard bytes.count >= sought.count, let base = bytes.baseAddress else { return false }
        let last = bytes.count - sought.count
        let first = sought[0]
        // The places of the first byte in either case, each found by the C library.
        var places = [first, upper(first)].map { (byte: $0, at: -1) }
        for index in places.indices { places[index].at = next(places[index].byte, base, 0, last) }
        while true {
            let at = min(places[0].at, places[1].at)
            guard at <= last else { return false }
            if sought.indices.allSatisfy({ lower(bytes[at + $0]) == sought[$0] }) { return true }
            for index in places.indices where places[index].at == at {
                places[index].at = next(places[index].byte, base, at + 1, last)
            }
        }
    }

    private static func next(_ byte: UInt8, _ base: UnsafeRawPointer, _ start: Int, _ last: Int) -> Int {
        guard start <= last, let found = memchr(base + start, Int32(byte), last - start + 1) else { return .max }
        return UnsafeRawPointer(found) - base
    }

    private static func lower(_ byte: UInt8) -> UInt8 { (65...90).contains(byte) ? byte + 32 : byte }

    private static func upper(_ byte: UInt8) -> UInt8 { (97...122).contains(byte) ? byte - 32 : byte }
}
