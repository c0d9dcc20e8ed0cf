/// The simulator's own random numbers: the same seed gives the same ones on every machine (SplitMix64, Steele 2014).
struct Dice: Sendable {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        return Self.mixed(state)
    }

    /// 0 up to and without `bound`.
    mutating func below(_ bound: Int) -> Int { bound <= 1 ? 0 : Int(next() % UInt64(bound)) }

    mutating func between(_ low: Int, _ high: Int) -> Int { low + below(high - low + 1) }

    /// Nanoseconds of so many milliseconds.
    mutating func milliseconds(_ low: Int, _ high: Int) -> Int64 {
        Int64(low) * 1_000_000 + Int64(next() % UInt64((high - low) * 1_000_000 + 1))
    }

    mutating func chance(_ perMille: Int) -> Bool { perMille > 0 && below(1000) < perMille }

    /// A bijection that spreads near numbers far.
    static func mixed(_ number: UInt64) -> UInt64 {
        var z = number
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
