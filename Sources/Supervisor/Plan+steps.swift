import Spool

extension Plan {
    /// What is done, as the user, before the command itself: a run of a profile's file.
    package enum Step: Hashable, Sendable {
        /// A line for `/bin/sh -c`; `environment` is all that it gets.
        case shell(line: String, folder: String, environment: [String])
        /// Waits until a web server of this machine answers.
        case wait(WebAddress, withinSeconds: UInt32, name: String, shown: String)
    }
}

/// A place on this machine's own web servers: `http://127.0.0.1:PORT/PATH`.
package struct WebAddress: Hashable, Sendable {
    package let port: UInt16
    /// With its slash, as it goes into a request.
    package let path: String

    package init(port: UInt16, path: String) {
        self.port = port
        self.path = path
    }

    /// Nil for anything but this machine's own address, and for what would not be one line.
    package init?(_ text: String) {
        let rest = ["http://127.0.0.1:", "http://localhost:"].lazy.compactMap { prefix in
            text.hasPrefix(prefix) ? text.dropFirst(prefix.count) : nil
        }.first
        guard let rest, let port = UInt16(rest.prefix { $0 != "/" }), port > 0 else { return nil }
        let path = rest.drop { $0 != "/" }
        guard path.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else { return nil }
        self.init(port: port, path: path.isEmpty ? "/" : String(path))
    }
}

extension Plan.Step {
    func write(to writer: inout FieldWriter) {
        switch self {
        case .shell(let line, let folder, let environment):
            writer.integer(UInt8(1))
            writer.text(line)
            writer.text(folder)
            writer.list(environment) { $0.text($1) }
        case .wait(let address, let seconds, let name, let shown):
            writer.integer(UInt8(2))
            writer.integer(address.port)
            writer.text(address.path)
            writer.integer(seconds)
            writer.text(name)
            writer.text(shown)
        }
    }

    init(_ reader: inout FieldReader) throws(FieldReader.Malformed) {
        switch try reader.integer(UInt8.self) {
        case 1:
            let (line, folder) = (try reader.text(), try reader.text())
            self = .shell(
                line: line, folder: folder,
                environment: try reader.list { reader throws(FieldReader.Malformed) in try reader.text() })
        case 2:
            let address = WebAddress(port: try reader.integer(), path: try reader.text())
            self = .wait(
                address, withinSeconds: try reader.integer(), name: try reader.text(), shown: try reader.text())
        default: throw FieldReader.Malformed()
        }
    }
}
