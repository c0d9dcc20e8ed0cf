/// Reads an execution's log by whole entries (docs/protocol.md §7). Any number may read while one writer appends.
package struct LogReader: Sendable {
    package enum Problem: Error, Equatable {
        /// `errno` of the call that failed.
        case system(Int32)
        /// Not a log, or of another format.
        case notALog
        /// An entry's header does not hold at this offset.
        case damaged(offset: UInt64)
        /// The offset lies beyond the end.
        case ahead(end: UInt64)
    }

    /// Whole entries as they stand in the file.
    package struct Piece: Equatable, Sendable {
        /// Offset of the first entry.
        package var offset: UInt64
        /// Where to read on.
        package var next: UInt64
        package var bytes: [UInt8]
    }

    /// Where a reader of one run stands; `position` is all that must be kept to resume.
    package struct Cursor: Sendable {
        package let run: UInt32
        package internal(set) var position: UInt64
        /// Entries of the index before this one are of no interest.
        var entry: UInt64 = 0

        package init(run: UInt32, position: UInt64) {
            self.run = run
            self.position = position
        }
    }

    /// Length of the file's header: the first offset there is.
    package static let start: UInt64 = 64

    package let log: UInt64
    /// The 16 bytes of the execution id.
    package let execution: [UInt8]

    package init(path: String) throws(Problem) {
        log = 0
        execution = []
    }

    /// Offset after the last whole entry in the file.
    package func end() throws(Problem) -> UInt64 { 0 }

    /// Whole entries from `offset`, at most `limit` bytes of them but always one where there is one; empty at the end.
    package func read(from offset: UInt64, upTo limit: Int) throws(Problem) -> Piece {
        Piece(offset: offset, next: offset, bytes: [])
    }

    /// Whole entries of one run, the first being the one that holds the cursor's position; moves the cursor past them.
    ///
    /// `Piece.next` is the offset after the last of them. Empty where the log holds nothing of the run from there.
    package func read(_ cursor: inout Cursor, upTo limit: Int) throws(Problem) -> Piece {
        Piece(offset: 0, next: 0, bytes: [])
    }
}
