import ArgumentParser

/// A duration as people type it: `500ms`, `10s`, `5m`, `2h`.
struct TimeSpan: ExpressibleByArgument, Equatable {
    let milliseconds: UInt64

    init?(argument: String) {
        let digits = argument.prefix { ("0"..."9").contains($0) }
        let factor: UInt64? =
            switch argument[digits.endIndex...] {
            case "ms": 1
            case "s": 1000
            case "m": 60_000
            case "h": 3_600_000
            default: nil
            }
        guard let factor, let number = UInt64(digits) else { return nil }
        let (product, overflow) = number.multipliedReportingOverflow(by: factor)
        guard !overflow else { return nil }
        milliseconds = product
    }
}
