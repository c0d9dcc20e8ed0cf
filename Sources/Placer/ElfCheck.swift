import Spool

/// Whether a file is an ELF program or library (elf(5)) for this machine.
enum ElfCheck {
    private static let headerBytes = 20

    static func problem(of file: borrowing File) throws(SystemError) -> String? {
        let header = try file.bytes(at: 0, count: headerBytes)
        guard header.count == headerBytes, header.starts(with: [0x7F, 0x45, 0x4C, 0x46]) else {
            return "is no ELF program"
        }
        guard let own = try? File("/proc/self/exe").bytes(at: 0, count: headerBytes), own.count == headerBytes else {
            return nil
        }
        // e_ident[EI_CLASS], [EI_DATA] and e_machine.
        guard header[4] == own[4], header[5] == own[5], header[18...] == own[18...] else {
            return "is an ELF program for another kind of machine"
        }
        return [2, 3].contains(header[16]) ? nil : "is an ELF file, but neither a program nor a library"
    }
}
