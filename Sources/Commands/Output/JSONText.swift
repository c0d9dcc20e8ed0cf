/// Writes JSON as bytes, for what is written a million times; everything else goes through the encoder.
enum JSONText {
    private static let digits = Array("0123456789abcdef".utf8)

    /// A string with its quotes; the bytes must be UTF-8.
    static func append(_ bytes: some Sequence<UInt8>, to target: inout [UInt8]) {
        target.append(UInt8(ascii: "\""))
        for byte in bytes {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"): target += [UInt8(ascii: "\\"), byte]
            case 0x0A: target += Array("\\n".utf8)
            case 0..<0x20, 0x7F:
                target += Array("\\u00".utf8)
                target += [digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            default: target.append(byte)
            }
        }
        target.append(UInt8(ascii: "\""))
    }

    static func append(_ text: String, to target: inout [UInt8]) { append(text.utf8, to: &target) }

    /// `"text":"…"`, or `"base64":"…"` where the bytes are not UTF-8.
    static func appendContent(_ bytes: UnsafeRawBufferPointer, to target: inout [UInt8]) {
        if bytes.allSatisfy({ $0 < 0x80 }) || String(validating: bytes, as: UTF8.self) != nil {
            target += Array("\"text\":".utf8)
            append(bytes, to: &target)
        } else {
            target += Array("\"base64\":\"".utf8)
            target += Base64.encode(bytes)
            target.append(UInt8(ascii: "\""))
        }
    }
}

/// Base64 with padding (RFC 4648 §4).
enum Base64 {
    private static let letters = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

    static func encode(_ bytes: UnsafeRawBufferPointer) -> [UInt8] {
        var text: [UInt8] = []
        text.reserveCapacity((bytes.count + 2) / 3 * 4)
        for start in stride(from: 0, to: bytes.count, by: 3) {
            let count = min(3, bytes.count - start)
            let word = (0..<3).reduce(UInt32(0)) { $0 << 8 | ($1 < count ? UInt32(bytes[start + $1]) : 0) }
            for place in 0..<4 {
                let letter = letters[Int(word >> UInt32(18 - 6 * place) & 63)]
                text.append(place <= count ? letter : UInt8(ascii: "="))
            }
        }
        return text
    }
}
