private import Glibc

/// The broker's I/O threads of libzmq, where most of its CPU goes: encryption and sockets.
///
/// Publishers and readers have different ones, so that a slice is opened on one processor and sealed on another; left to
/// itself libzmq puts both ends of a small installation on the same.
enum IOThreads {
    /// As many as there are processors.
    static let count = Int32(clamping: min(max(sysconf(Int32(_SC_NPROCESSORS_ONLN)), 2), 8))
    static let ofPublishers = 0..<count / 2
    static let ofReaders = count / 2..<count
}
