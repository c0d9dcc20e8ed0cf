import Messages
import Spool

/// Where a reader stands in an execution's log, and what comes next from there.
struct EntryCursor: Sendable {
    enum Place: Sendable {
        /// In the log of the whole execution.
        case offset(UInt64)
        /// In what one run wrote.
        case run(LogReader.Cursor)
    }

    /// One frame holds at most this much, unless one entry is larger: two slices of full length with their headers.
    ///
    /// A reader that takes nothing holds three such pieces: what was read, its frame, and the frame before, which its
    /// connection does not take.
    static let pieceBytes = 2 * (64 << 10 + LogEntryReader.headerSize)

    let reader: LogReader
    private(set) var place: Place

    init(_ reader: LogReader, at place: Place) {
        self.reader = reader
        self.place = place
    }

    /// The next whole entries; empty where there are none yet.
    mutating func next() throws(Failure) -> LogReader.Piece {
        do throws(LogReader.Problem) {
            switch place {
            case .offset(let offset):
                let piece = try reader.read(from: offset, upTo: Self.pieceBytes)
                place = .offset(piece.next)
                return piece
            case .run(var cursor):
                let piece = try reader.read(&cursor, upTo: Self.pieceBytes)
                place = .run(cursor)
                return piece
            }
        } catch {
            throw Self.failure(error)
        }
    }

    static func failure(_ problem: LogReader.Problem) -> Failure {
        switch problem {
        case .ahead: Failure(.offsetAhead, "The place asked for lies beyond the end of the output.")
        case .damaged: Failure(.internal, "The log of this execution is damaged.")
        case .system, .notALog: Failure(.gone, "The output of this execution cannot be read.")
        }
    }
}
