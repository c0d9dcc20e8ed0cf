/// Amounts for people.
enum Amounts {
    /// `1.5 GiB`; whole bytes below a KiB.
    static func text(_ bytes: UInt64) -> String {
        let units = ["KiB", "MiB", "GiB", "TiB"]
        var (value, unit) = (Double(bytes), -1)
        while value >= 1024, unit + 1 < units.count {
            value /= 1024
            unit += 1
        }
        guard unit >= 0 else { return "\(bytes) bytes" }
        let tenths = (value * 10).rounded(.down) / 10
        return (tenths == tenths.rounded() ? "\(Int(tenths))" : "\(tenths)") + " " + units[unit]
    }

    /// `30 days`, `24 hours`, in the largest unit that is whole.
    static func text(_ span: Duration) -> String {
        let seconds = span.components.seconds
        for (name, length) in [("day", Int64(86_400)), ("hour", 3600), ("minute", 60)]
        where seconds >= length && seconds.isMultiple(of: length) && (length != 86_400 || seconds > length) {
            return "\(seconds / length) \(name)\(seconds == length ? "" : "s")"
        }
        return "\(seconds) second\(seconds == 1 ? "" : "s")"
    }
}
