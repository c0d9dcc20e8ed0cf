extension SpoolReader {
    /// Where to go on behind what is damaged at `position`: the next record whose checksum fits, the next segment, or the end.
    package func soundPosition(after position: UInt64) throws(Problem) -> UInt64 {
        let held = try segments()
        guard let first = held.last(where: { $0 <= position }) else { return held.first ?? position }
        let bytes: [UInt8]
        do throws(SystemError) {
            bytes = try File.contents("\(folder)/\(Segment.name(of: first))", limit: 2 * Segment.size)
        } catch {
            throw .system(error)
        }
        let start = Int(clamping: position - first) + 1
        let found = bytes.withUnsafeBytes { bytes in
            start < bytes.count
                ? (start..<bytes.count).first { offset in
                    // Most places are no header at all, and cost nothing.
                    guard bytes[offset] <= Stream.terminal.rawValue,
                        case .success = RecordCursor.record(in: bytes, at: offset)
                    else { return false }
                    return true
                } : nil
        }
        if let found { return first + UInt64(found) }
        return held.first { $0 > position } ?? max(position, first + UInt64(bytes.count))
    }

    /// The end of the spool by the sizes of its files, whatever is in them.
    package func extent() throws(Problem) -> UInt64 {
        guard let last = try segments().last else { return 0 }
        do throws(SystemError) {
            return last + UInt64(try File("\(folder)/\(Segment.name(of: last))").size())
        } catch {
            throw .system(error)
        }
    }
}
