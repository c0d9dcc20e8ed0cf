/// What a deployment asks the gateway for. Decides only.
///
/// Entries with a command or a service name of their own become executions of their own; the others are one together.
struct DeployPlan: Equatable {
    /// What is asked for, before the gateway has the bytes.
    struct Part: Equatable {
        /// How its lines are told apart from those of the others.
        var label: String
        var files: [File]
        var run: String?
        var service: Submission.Service?
    }

    struct File: Equatable {
        /// Of the entry in the list of sources.
        var source: Int
        var placed: Submission.File
    }

    /// What holds for entries that do not say otherwise.
    struct Defaults: Equatable {
        var folder: String?
        var mode: FileMode?
        var overwrite = false
        var createFolder = true
        var run: String?
        var profile: String?
        var keepsPrevious = false
        var service: Submission.Service?
    }

    private(set) var parts: [Part] = []

    /// `sources` are those of the entries, in their order.
    init(_ entries: [DeployEntry], _ sources: [UploadSource], _ defaults: Defaults) throws(CommandError) {
        var together: [File] = []
        var alone: [Part] = []
        for (index, entry) in entries.enumerated() {
            let file = File(source: index, placed: try Self.file(entry, sources[index], defaults))
            guard entry.isAlone else {
                together.append(file)
                continue
            }
            let service = entry.service.map {
                Submission.Service(name: $0, permanent: entry.permanent ?? false, port: entry.port)
            }
            alone.append(Part(label: file.placed.name, files: [file], run: entry.run, service: service))
        }
        if let first = together.first {
            let label = first.placed.name + (together.count > 1 ? " and \(together.count - 1) more" : "")
            parts.append(Part(label: label, files: together, run: defaults.run, service: defaults.service))
        } else if defaults.run != nil {
            throw .usage("--run has nothing to go with: every entry of the list has a command of its own")
        }
        parts += alone
        numberLabels()
    }

    /// Two of the same name are told apart by a number.
    private mutating func numberLabels() {
        var counts: [String: Int] = [:]
        for index in parts.indices {
            let count = counts[parts[index].label, default: 0] + 1
            counts[parts[index].label] = count
            if count > 1 { parts[index].label += "#\(count)" }
        }
    }

    private static func file(
        _ entry: DeployEntry, _ source: UploadSource, _ defaults: Defaults
    ) throws(CommandError) -> Submission.File {
        let profile = entry.profile ?? (entry.folder == nil ? defaults.profile : nil)
        if profile != nil, entry.folder != nil || defaults.folder != nil {
            throw .usage("\(entry.path): the profile \(profile ?? "") says the folder; give only one of them")
        }
        let keeps = entry.keepPrevious ?? defaults.keepsPrevious
        return Submission.File(
            name: entry.name ?? source.name, folder: profile == nil ? entry.folder ?? defaults.folder ?? "~" : nil,
            mode: try mode(entry, source, defaults),
            // What is kept is what is taken the place of.
            overwrite: entry.overwrite ?? (defaults.overwrite || keeps),
            createFolder: entry.createFolder ?? defaults.createFolder, profile: profile,
            tree: source.isTree ? true : nil, keepPrevious: keeps ? true : nil)
    }

    private static func mode(
        _ entry: DeployEntry, _ source: UploadSource, _ defaults: Defaults
    ) throws(CommandError) -> UInt32? {
        if source.isTree {
            guard entry.mode == nil else { throw .usage("\(entry.path): a folder's files keep their modes") }
            return nil
        }
        guard let text = entry.mode else { return defaults.mode?.bits ?? source.mode }
        guard let mode = FileMode(argument: text) else {
            throw .usage("\(entry.path): “\(text)” is no mode; in octal: \"755\"")
        }
        return mode.bits
    }
}
