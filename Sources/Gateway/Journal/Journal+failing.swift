import Foundation
import GRDB
import Messages

extension Journal {
    /// What a caller is told of a journal that cannot be read or written.
    static func failure(_ error: any Error) -> Failure {
        if isNoSpace(error) {
            return Failure(
                .noSpace, "The gateway's disk is full: nothing was taken on. Try again when its operator has made room."
            )
        }
        if isDamage(error) {
            return Failure(
                .internal,
                "The gateway's journal is damaged where this stands; its operator finds it in the gateway's log.")
        }
        return Failure(.busy, "The gateway's journal cannot be written just now. Try again in a moment.")
    }

    /// Whether the disk had no room for it.
    static func isNoSpace(_ error: any Error) -> Bool {
        guard let error = error as? DatabaseError else { return false }
        // With a write-ahead log some places where room is missing say only that writing failed.
        return error.resultCode == .SQLITE_FULL || error.extendedResultCode == .SQLITE_IOERR_WRITE
            || error.extendedResultCode == .SQLITE_IOERR_SHMSIZE
    }

    /// Whether what is on the disk is not what was written.
    static func isDamage(_ error: any Error) -> Bool {
        guard let error = error as? DatabaseError else { return error is DecodingError }
        return error.resultCode == .SQLITE_CORRUPT || error.resultCode == .SQLITE_NOTADB
            || error.extendedResultCode == .SQLITE_IOERR_DATA || error.extendedResultCode == .SQLITE_IOERR_CORRUPTFS
    }
}
