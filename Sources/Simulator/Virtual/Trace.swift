/// What happened in a simulation, as one number over all of it, and as text where somebody reads it.
struct Trace {
    enum Keeping: Sendable, Equatable {
        case number
        /// The last lines too.
        case last(Int)
        /// Every line is printed as it comes.
        case printed
    }

    /// The same for the same seed, in every process and on every machine.
    private(set) var number: UInt64 = 0x243F_6A88_85A3_08D3
    private(set) var events = 0
    private var lines: [String] = []
    private var next = 0
    private let keeping: Keeping

    init(_ keeping: Keeping) { self.keeping = keeping }

    /// `a` and `b` stand for what the text says.
    mutating func note(_ now: Int64, _ a: UInt64, _ b: UInt64, _ text: @autoclosure () -> String) {
        events += 1
        var mixed = number ^ UInt64(bitPattern: now)
        mixed = (mixed ^ (mixed >> 29)) &* 0xBF58_476D_1CE4_E5B9 ^ a
        mixed = (mixed ^ (mixed >> 32)) &* 0x94D0_49BB_1331_11EB ^ b
        number = mixed ^ (mixed >> 31)
        switch keeping {
        case .number: return
        case .printed: print(Self.line(now, text()))
        case .last(let count):
            if lines.count < count {
                lines.append(Self.line(now, text()))
            } else {
                lines[next] = Self.line(now, text())
            }
            next = (next + 1) % count
        }
    }

    /// In their order.
    var lastLines: [String] {
        lines.isEmpty ? [] : Array(lines[next % lines.count..<lines.count] + lines[..<(next % lines.count)])
    }

    private static func line(_ now: Int64, _ text: String) -> String {
        let micro = now / 1000
        let fraction = String(micro % 1_000_000)
        return "\(micro / 1_000_000)." + String(repeating: "0", count: 6 - fraction.count) + fraction + " " + text
    }
}
