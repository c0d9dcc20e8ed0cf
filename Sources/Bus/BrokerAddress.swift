private import Sodium

/// Where a broker is and what its key is: `ADDRESS[:BASE] PUBLICKEY`, an IPv6 address in brackets.
package struct BrokerAddress: Hashable, Sendable, LosslessStringConvertible {
    package static let defaultBase = 7400

    package let address: String
    /// The first of its five ports.
    package let base: Int
    package let publicKey: [UInt8]

    package init(address: String, base: Int = defaultBase, publicKey: [UInt8]) {
        self.address = address
        self.base = base
        self.publicKey = publicKey
    }

    package init?(_ text: String) {
        let words = text.split(whereSeparator: \.isWhitespace)
        guard words.count == 2, let key = Hex.decode(words[1]), key.count == 32 else { return nil }
        var address = words[0]
        var base = Self.defaultBase
        let colon = address.hasPrefix("[") ? address.range(of: "]:") : address.range(of: ":")
        if let colon {
            let number = address[colon.upperBound...]
            guard let port = Int(number), (1...65_531).contains(port) else { return nil }
            base = port
            address = address.hasPrefix("[") ? address[...colon.lowerBound] : address[..<colon.lowerBound]
        }
        guard !address.isEmpty else { return nil }
        self.init(address: String(address), base: base, publicKey: key)
    }

    package var description: String { "\(address):\(base) \(Hex.encode(publicKey))" }

    package func endpoint(_ port: Port) -> String { "tcp://\(address):\(base + port.rawValue)" }
}

extension Substring {
    fileprivate func range(of mark: String) -> Range<Index>? {
        guard let start = indices.first(where: { self[$0...].hasPrefix(mark) }) else { return nil }
        return start..<index(start, offsetBy: mark.count)
    }
}
