import Glibc

/// Lines with aligned columns; what came from elsewhere is tamed.
enum Table {
    static func print(_ rows: [[String]]) {
        for line in lines(rows) { StandardStreams.print(line) }
    }

    static func lines(_ rows: [[String]]) -> [String] {
        let rows = rows.map { $0.map(tame) }
        let columns = rows.map(\.count).max() ?? 0
        let widths = (0..<columns).map { column in rows.map { column < $0.count ? $0[column].count : 0 }.max() ?? 0 }
        return rows.map { row in
            var line = ""
            for (column, cell) in row.enumerated() {
                line += cell
                if column < row.count - 1 { line += String(repeating: " ", count: widths[column] - cell.count + 2) }
            }
            return String(line.reversed().drop { $0 == " " }.reversed())
        }
    }

    /// One line without anything a terminal would obey.
    static func tame(_ text: String) -> String {
        let flat = text.split(separator: "\n", omittingEmptySubsequences: false).joined(separator: " ")
        return String(decoding: Array(flat.utf8).withUnsafeBytes { Tamer.tame($0) }, as: UTF8.self)
    }
}

/// A point in time as people read it.
enum Moment {
    /// Local time to the second; empty where there is none.
    static func text(_ milliseconds: Int64?) -> String {
        guard let milliseconds else { return "" }
        var seconds = time_t(milliseconds / 1000)
        var parts = tm()
        guard localtime_r(&seconds, &parts) != nil else { return "" }
        func two(_ number: Int32) -> String { number < 10 ? "0\(number)" : "\(number)" }
        return "\(parts.tm_year + 1900)-\(two(parts.tm_mon + 1))-\(two(parts.tm_mday)) "
            + "\(two(parts.tm_hour)):\(two(parts.tm_min)):\(two(parts.tm_sec))"
    }
}
