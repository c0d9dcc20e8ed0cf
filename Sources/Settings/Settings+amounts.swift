extension Settings {
    /// A number of bytes: `1073741824`, `512 MiB`, `10GiB`. Nil where the key is not given.
    package func bytes(_ key: String) throws(SettingsError) -> UInt64? {
        guard let text = string(key) else { return nil }
        guard let bytes = Amount.bytes(text) else {
            throw .wrong(key: key, value: text, wanted: "a number of bytes, as 512MiB or 10GiB")
        }
        return bytes
    }

    package func bytes(_ key: String, default standard: UInt64) throws(SettingsError) -> UInt64 {
        try bytes(key) ?? standard
    }

    /// A span of time with its unit, `90s`, `15m`, `24h`, `30d`, of at least `least`.
    package func span(
        _ key: String, default standard: Duration, atLeast least: Duration = .seconds(1)
    ) throws(SettingsError) -> Duration {
        guard let text = string(key) else { return standard }
        guard let span = Amount.span(text) else {
            throw .wrong(key: key, value: text, wanted: "a span of time, as 90s, 15m, 24h or 30d")
        }
        guard span >= least else { throw .wrong(key: key, value: text, wanted: "at least \(least)") }
        return span
    }
}

/// Amounts as people write them, with their unit.
package enum Amount {
    private static let units: [(name: String, bytes: UInt64)] = [
        ("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30), ("TiB", 1 << 40), ("B", 1), ("", 1),
    ]

    /// Whole numbers with `B`, `KiB`, `MiB`, `GiB`, `TiB` or nothing; nil for anything else, and for what is no 64-bit number.
    package static func bytes(_ text: String) -> UInt64? {
        guard let (number, unit) = parts(text), let size = units.first(where: { $0.name == unit })?.bytes else {
            return nil
        }
        let (bytes, isTooLarge) = number.multipliedReportingOverflow(by: size)
        return isTooLarge || bytes > UInt64(Int64.max) ? nil : bytes
    }

    /// Whole numbers with `s`, `m`, `h` or `d`, at most a hundred years.
    package static func span(_ text: String) -> Duration? {
        let units: [String: UInt64] = ["s": 1, "m": 60, "h": 3600, "d": 86_400]
        guard let (number, unit) = parts(text), let seconds = units[unit], number <= 36_500 * 86_400 / seconds else {
            return nil
        }
        return .seconds(Int64(number * seconds))
    }

    private static func parts(_ text: String) -> (UInt64, unit: String)? {
        let digits = text.prefix { $0.isASCII && $0.isNumber }
        guard let number = UInt64(digits) else { return nil }
        return (number, String(text.dropFirst(digits.count).drop { $0 == " " }))
    }
}
