import Spool

/// What comes out of the command, and into the spool.
extension Supervisor {
    /// How long a full disk is left alone between two tries.
    private static let retryMilliseconds: UInt64 = 500

    var pipes: [OutputPipe] { command?.pipes ?? [] }

    /// Whether the pipes are left alone for now: the copy is to catch up, or the disk is full.
    var isOutputWaiting: Bool {
        if let stalledUntil, Moment.now < stalledUntil { return true }
        return spool.isFull && !life.isEmptying
    }

    func moveOutput(_ ready: Set<Int32>) {
        guard !isOutputWaiting else { return }
        stalledUntil = nil
        for pipe in pipes where pipe.isOpen && ready.contains(pipe.descriptor) {
            do throws(SystemError) { try pipe.move(into: &spool) } catch { return stall() }
            if !pipe.isOpen { owed.append(.streamEnded(pipe.stream)) }
        }
        if !pipes.contains(where: \.isOpen) { carryOut(life.receive(.outputEnded, at: .now)) }
    }

    /// Writes the control records that are due, and at the end the exit record.
    func payOwed() {
        guard stalledUntil == nil else { return }
        do throws(SystemError) {
            while let control = owed.first {
                try spool.append(control, timeNanoseconds: Moment.unixNanoseconds)
                owed.removeFirst()
            }
            if let result { try writeExit(result) }
        } catch {
            stall()
        }
    }

    func stall() {
        stalledUntil = Moment.now.after(milliseconds: Self.retryMilliseconds)
    }
}
