import Spool

/// One stream of the command, on its way into the spool.
final class OutputPipe {
    let stream: Stream
    private let file: File
    private(set) var isOpen = true
    /// Read from the pipe so far.
    private(set) var bytes: UInt64 = 0

    init(_ stream: Stream, _ file: consuming File) {
        self.stream = stream
        self.file = file
    }

    var descriptor: Int32 { file.descriptor }

    /// Reads what is there, once, as one record. Throws where the spool cannot take it now; nothing is lost then.
    func move(into spool: inout SpoolWriter) throws(SystemError) {
        do throws(SpoolWriter.AppendError<SystemError>) {
            let count = try spool.append(stream, timeNanoseconds: Moment.unixNanoseconds) {
                buffer throws(SystemError) in
                let count = try file.read(into: buffer)
                bytes += UInt64(count)
                return count
            }
            if count == 0 { isOpen = false }
        } catch {
            switch error {
            case .reading(let reason): if !reason.isAgain { isOpen = false }
            case .writing(let reason): throw reason
            }
        }
    }

    /// Reads no more; what still writes to it gets SIGPIPE once this has gone.
    func close() { isOpen = false }
}
