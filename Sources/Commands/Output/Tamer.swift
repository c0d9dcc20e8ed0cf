/// Makes a line of output harmless for a terminal: colours (SGR) pass, every other escape is dropped.
///
/// Control bytes are dropped but for the tab; of a line that was written over by carriage returns the last text stays;
/// bytes that are not UTF-8 become U+FFFD. A line that set a colour ends with a reset.
enum Tamer {
    private static let escape: UInt8 = 0x1B

    static func tame(_ line: UnsafeRawBufferPointer) -> [UInt8] {
        if line.allSatisfy({ ($0 >= 0x20 && $0 < 0x7F) || $0 == 0x09 }) { return Array(line) }
        let text = String(decoding: lastVisible(line), as: UTF8.self).unicodeScalars
        var tamed = String.UnicodeScalarView()
        var hasColour = false
        var rest = text[...]
        while let scalar = rest.popFirst() {
            if scalar.value == UInt32(escape) {
                guard let colour = takeEscape(&rest) else { continue }
                tamed.append(contentsOf: colour)
                hasColour = true
            } else if scalar.value == 0x9B {
                _ = takeControlSequence(&rest)
            } else if isHarmless(scalar) {
                tamed.append(scalar)
            }
        }
        return Array(String(tamed).utf8) + (hasColour ? [escape] + Array("[0m".utf8) : [])
    }

    /// What a terminal would still show of a line with carriage returns in it.
    private static func lastVisible(_ line: UnsafeRawBufferPointer) -> some Collection<UInt8> {
        line.split(separator: 0x0D).last ?? line[line.endIndex...]
    }

    /// No control characters, and none that turn the direction of what is around them.
    private static func isHarmless(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0x09: true
        case 0..<0x20, 0x7F..<0xA0, 0x202A...0x202E, 0x2066...0x2069, 0x2028, 0x2029: false
        default: true
        }
    }

    /// Takes what belongs to an escape away from `rest`; gives the whole sequence back where it only sets colours.
    private static func takeEscape(
        _ rest: inout Substring.UnicodeScalarView
    ) -> String.UnicodeScalarView? {
        guard let kind = rest.popFirst() else { return nil }
        switch kind {
        case "[": return takeControlSequence(&rest)
        case "]", "P", "X", "^", "_":
            takeString(&rest)
            return nil
        default:
            var last = kind
            while (0x20...0x2F).contains(last.value), let next = rest.popFirst() { last = next }
            return nil
        }
    }

    private static func takeControlSequence(
        _ rest: inout Substring.UnicodeScalarView
    ) -> String.UnicodeScalarView? {
        var body = String.UnicodeScalarView()
        while let next = rest.first, (0x20...0x3F).contains(next.value) {
            body.append(next)
            rest.removeFirst()
        }
        guard let last = rest.first, (0x40...0x7E).contains(last.value) else { return nil }
        rest.removeFirst()
        guard last == "m", body.allSatisfy({ ("0"..."9").contains($0) || $0 == ";" || $0 == ":" }) else { return nil }
        return "\u{1B}[".unicodeScalars + body + "m".unicodeScalars
    }

    /// An operating system command and its kin end with BEL or ESC \.
    private static func takeString(_ rest: inout Substring.UnicodeScalarView) {
        while let next = rest.popFirst() {
            if next.value == 0x07 || next.value == 0x9C { return }
            if next.value == UInt32(escape) {
                if rest.first == "\\" { rest.removeFirst() }
                return
            }
        }
    }
}
