package import Messages

/// To which gateway an execution belongs that was taken over; what has the greater term counts.
package struct Ownership: Sendable, Equatable {
    package let owner: Principal
    package let term: UInt64

    package init(owner: Principal, term: UInt64) { (self.owner, self.term) = (owner, term) }

    /// Nil for what is no gateway.
    package init?(_ wire: WireAdopted) {
        guard let owner = Principal(wire.owner), owner.role == .gateway else { return nil }
        self.init(owner: owner, term: wire.term)
    }

    /// As a run's folder has it: `gateway:NAME TERM`.
    init?(text: String) {
        let words = text.split(whereSeparator: \.isWhitespace)
        guard words.count == 2, let owner = Principal(String(words[0])), let term = UInt64(words[1]) else { return nil }
        self.init(owner: owner, term: term)
    }

    var text: String { "\(owner) \(term)\n" }

    var wire: WireAdopted {
        var wire = WireAdopted()
        wire.owner = owner.description
        wire.term = term
        return wire
    }
}
