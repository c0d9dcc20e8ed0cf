import ArgumentParser

/// A number of bytes as people type it: `512M`, `2G`, `1048576`; each unit is 1024 of the one before.
struct ByteCount: ExpressibleByArgument, Equatable {
    let bytes: UInt64

    init?(argument: String) {
        let digits = argument.prefix { ("0"..."9").contains($0) }
        let shift: UInt64? =
            switch argument[digits.endIndex...].uppercased() {
            case "", "B": 0
            case "K", "KB", "KIB": 10
            case "M", "MB", "MIB": 20
            case "G", "GB", "GIB": 30
            case "T", "TB", "TIB": 40
            default: nil
            }
        guard let shift, let number = UInt64(digits) else { return nil }
        let (product, overflow) = number.multipliedReportingOverflow(by: 1 << shift)
        guard !overflow else { return nil }
        bytes = product
    }
}
