import Spool

/// What is done as the user before a file is placed: a look at what it is, then a line that makes the place for it.
package struct Preparation: Hashable, Sendable {
    package enum Check: UInt8, Sendable, CaseIterable {
        case none = 0
        /// A whole ZIP archive.
        case zip = 1
        /// A program or library of this machine's kind.
        case elf = 2
    }

    package var check: Check
    /// Entries an archive must hold; one that ends in `/` is the beginning of at least one entry.
    package var contains: [String]
    /// For `/bin/sh -c`, in the home; empty: none. What it leaves running is ended.
    package var before: String
    package var beforeSeconds: UInt32
    /// `NAME=value`, all that the line gets.
    package var environment: [String]

    package init(
        check: Check, contains: [String] = [], before: String = "", beforeSeconds: UInt32 = 60,
        environment: [String] = []
    ) {
        self.check = check
        self.contains = contains
        self.before = before
        self.beforeSeconds = beforeSeconds
        self.environment = environment
    }
}

extension Preparation {
    func write(to writer: inout FieldWriter) {
        writer.integer(check.rawValue)
        writer.list(contains) { $0.text($1) }
        writer.text(before)
        writer.integer(beforeSeconds)
        writer.list(environment) { $0.text($1) }
    }

    init(_ reader: inout FieldReader) throws(FieldReader.Malformed) {
        guard let check = Check(rawValue: try reader.integer()) else { throw FieldReader.Malformed() }
        self.check = check
        contains = try reader.list { reader throws(FieldReader.Malformed) in try reader.text() }
        before = try reader.text()
        beforeSeconds = try reader.integer()
        environment = try reader.list { reader throws(FieldReader.Malformed) in try reader.text() }
    }
}
