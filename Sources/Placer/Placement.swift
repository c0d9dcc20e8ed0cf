import Spool

/// What `estiba-placer` is to do: put one file or folder, whole or not at all, where a user may put it.
///
/// The bytes come as an open descriptor that was verified before.
package struct Placement: Hashable, Sendable {
    /// The user's home, and what is done where it is missing.
    package struct Home: Hashable, Sendable {
        package enum Missing: UInt8, Sendable {
            /// `home_missing`.
            case refuse = 0
            /// Made from `/etc/skel`.
            case skeleton = 1
            /// Made empty, for the user alone; its parents too, owned by root: a home under a node's template root.
            case empty = 2
        }

        package var path: String
        package var missing: Missing

        package init(_ path: String, missing: Missing) {
            self.path = path
            self.missing = missing
        }
    }

    package struct Target: Hashable, Sendable {
        /// Absolute, or relative to the home; empty, `~` and `~/…` are the home and what lies in it.
        package var folder: String
        package var name: String
        /// Permission bits; setuid, setgid and sticky are dropped.
        package var mode: UInt32
        package var overwrites: Bool
        package var createsFolder: Bool

        package var content = Content.file
        /// What it takes the place of is kept beside it for a rollback.
        package var keepsPrevious = false
        /// Names what is hidden while this goes on: the run, and the number of the file in it. A name like any other's part.
        package var run: String
        package var number: Int
        /// Only ends what an earlier placement of the same run and number began: finished or undone.
        package var cleans = false

        package enum Content: Hashable, Sendable {
            /// The bytes are the file's.
            case file
            /// The bytes are a tar archive of what the folder is to hold.
            case tree
            /// There are no bytes: what an earlier run took the place of, when it was told to keep it, is put back.
            case kept(run: String)
        }

        package init(
            folder: String, name: String, mode: UInt32, overwrites: Bool, createsFolder: Bool, run: String,
            number: Int = 0
        ) {
            self.run = run
            self.number = number
            self.folder = folder
            self.name = name
            self.mode = mode
            self.overwrites = overwrites
            self.createsFolder = createsFolder
        }
    }

    package var uid: UInt32
    package var gid: UInt32
    package var groups: [UInt32]
    package var home: Home
    /// Nil: only the home is seen to, as before a run without files.
    package var target: Target?
    /// Done before the target is placed.
    package var preparation: Preparation?

    package init(uid: UInt32, gid: UInt32, groups: [UInt32], home: Home, target: Target?) {
        self.uid = uid
        self.gid = gid
        self.groups = groups
        self.home = home
        self.target = target
    }
}

/// What came of a placement.
package enum Placed: Hashable, Sendable {
    /// The absolute folder the file is in now (the home, where there was no target).
    case done(folder: String)
    case refused(PlacementFailure)
}

/// Why a file was not placed. Nothing is left behind then but folders that were made on the way.
package struct PlacementFailure: Error, Hashable, Sendable {
    /// Codes of docs/protocol.md §11; the raw values are theirs.
    package enum Code: String, Sendable, CaseIterable {
        case exists
        case noSuchFolder = "no_such_folder"
        case permission
        case noSpace = "no_space"
        case badName = "bad_name"
        case notAFile = "not_a_file"
        case homeMissing = "home_missing"
        case badArchive = "bad_archive"
        case prepareFailed = "prepare_failed"
        case nothingKept = "nothing_kept"
        case `internal`
    }

    package let code: Code
    /// In plain words.
    package let sentence: String

    package init(_ code: Code, _ sentence: String) {
        self.code = code
        self.sentence = sentence
    }
}

extension Placement {
    static let version: UInt8 = 2
    /// setuid, setgid and sticky are never given.
    static let permissions: UInt32 = 0o777

    var bytes: [UInt8] {
        var writer = FieldWriter()
        writer.integer(Self.version)
        writer.integer(uid)
        writer.integer(gid)
        writer.list(groups) { $0.integer($1) }
        writer.text(home.path)
        writer.integer(home.missing.rawValue)
        writer.integer(UInt8(target == nil ? 0 : 1))
        guard let target else { return writer.bytes }
        writer.text(target.folder)
        writer.text(target.name)
        writer.integer(target.mode)
        writer.integer(UInt8(target.overwrites ? 1 : 0))
        writer.integer(UInt8(target.createsFolder ? 1 : 0))
        target.content.write(to: &writer)
        writer.integer(UInt8(target.keepsPrevious ? 1 : 0))
        writer.text(target.run)
        writer.integer(UInt32(clamping: target.number))
        writer.integer(UInt8(target.cleans ? 1 : 0))
        writer.integer(UInt8(preparation == nil ? 0 : 1))
        preparation?.write(to: &writer)
        return writer.bytes
    }

    init(_ bytes: [UInt8]) throws(FieldReader.Malformed) {
        var reader = FieldReader(bytes)
        guard try reader.integer(UInt8.self) == Self.version else { throw FieldReader.Malformed() }
        uid = try reader.integer()
        gid = try reader.integer()
        groups = try reader.list { reader throws(FieldReader.Malformed) in try reader.integer(UInt32.self) }
        let path = try reader.text()
        guard let missing = Home.Missing(rawValue: try reader.integer()) else { throw FieldReader.Malformed() }
        home = Home(path, missing: missing)
        if try reader.flag() {
            var target = Target(
                folder: try reader.text(), name: try reader.text(), mode: try reader.integer(),
                overwrites: try reader.flag(), createsFolder: try reader.flag(), run: "")
            target.content = try Target.Content(&reader)
            target.keepsPrevious = try reader.flag()
            target.run = try reader.text()
            target.number = Int(try reader.integer(UInt32.self))
            target.cleans = try reader.flag()
            self.target = target
            if try reader.flag() { preparation = try Preparation(&reader) }
        }
        guard reader.isAtEnd else { throw FieldReader.Malformed() }
    }
}

extension Placement.Target.Content {
    fileprivate func write(to writer: inout FieldWriter) {
        switch self {
        case .file: writer.integer(UInt8(0))
        case .tree: writer.integer(UInt8(1))
        case .kept(let run):
            writer.integer(UInt8(2))
            writer.text(run)
        }
    }

    fileprivate init(_ reader: inout FieldReader) throws(FieldReader.Malformed) {
        switch try reader.integer(UInt8.self) {
        case 0: self = .file
        case 1: self = .tree
        case 2: self = .kept(run: try reader.text())
        default: throw FieldReader.Malformed()
        }
    }
}

extension Placed {
    var bytes: [UInt8] {
        var writer = FieldWriter()
        writer.integer(Placement.version)
        switch self {
        case .done(let folder):
            writer.text("")
            writer.text(folder)
        case .refused(let failure):
            writer.text(failure.code.rawValue)
            writer.text(failure.sentence)
        }
        return writer.bytes
    }

    init(_ bytes: [UInt8]) throws(FieldReader.Malformed) {
        var reader = FieldReader(bytes)
        guard try reader.integer(UInt8.self) == Placement.version else { throw FieldReader.Malformed() }
        let (code, text) = (try reader.text(), try reader.text())
        guard reader.isAtEnd else { throw FieldReader.Malformed() }
        if code.isEmpty {
            self = .done(folder: text)
        } else {
            self = .refused(PlacementFailure(PlacementFailure.Code(rawValue: code) ?? .internal, text))
        }
    }
}
