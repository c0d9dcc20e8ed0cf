import Messages

/// What a request may say of files and service names.
extension RequestCheck {
    static func file(_ file: ExecutionRequest.File) throws(Failure) -> CheckedRequest.File {
        let content = try content(file)
        guard isName(file.name) else {
            throw Failure(
                .badName, "“\(file.name)” cannot be the name of a file: 1 to 255 bytes without “/”, not “.” or “..”.")
        }
        let mode = file.mode ?? 0o644
        guard mode <= 0o7777 else { throw Failure(.badRequest, "A mode is at most 0777 (511).") }
        let profile = try profile(file)
        var checked = CheckedRequest.File(
            content: content, name: file.name, folder: try folder(file.folder ?? ""), mode: mode & 0o777,
            overwrite: file.overwrite ?? false, createFolder: file.createFolder ?? true, profile: profile,
            isTree: file.tree ?? false, keepsPrevious: file.keepPrevious ?? false)
        // What is put back takes the place of what is there: that is what it is for.
        if case .kept = content { checked.overwrite = true }
        return checked
    }

    private static func content(_ file: ExecutionRequest.File) throws(Failure) -> CheckedRequest.File.Content {
        switch (file.blob, file.restore) {
        case (let text?, nil):
            guard let blob = BlobID(text) else {
                throw Failure(.unknownBlob, "“\(text)” is not the id of an upload.")
            }
            return .blob(blob)
        case (nil, let text?):
            guard let id = ExecutionID(text) else {
                throw Failure(.unknownExecution, "“\(text)” is not the id of an execution.")
            }
            return .kept(id)
        default:
            throw Failure(.badRequest, "“\(file.name)” has either a blob or an execution to restore from.")
        }
    }

    /// The name of the file's profile, empty for none; whether its nodes have it is theirs to say.
    private static func profile(_ file: ExecutionRequest.File) throws(Failure) -> String {
        guard let profile = file.profile else { return "" }
        guard NodeName(profile) != nil else {
            throw Failure(.unknownProfile, "“\(profile.prefix(100))” cannot be the name of a profile.")
        }
        guard file.folder?.isEmpty ?? true else {
            throw Failure(.badRequest, "The profile \(profile) says the folder of “\(file.name)”: leave it out.")
        }
        return profile
    }

    static func distinct(_ files: [CheckedRequest.File]) throws(Failure) {
        var places: Set<[String]> = []
        for file in files where !places.insert([file.profile, file.folder, file.name]).inserted {
            throw Failure(.badRequest, "Two files would have the same place: “\(file.name)”.")
        }
    }

    static func service(
        _ request: ExecutionRequest, _ files: [CheckedRequest.File]
    ) throws(Failure) -> CheckedRequest.Service? {
        guard let service = request.service else { return nil }
        let name = service.name
        guard ServiceLabel.isValid(name) else {
            throw Failure(.badName, "A service name has 1 to 40 characters that can be seen, and at most 63 bytes.")
        }
        guard (service.port ?? 0) <= 65_535 else { throw Failure(.badRequest, "A port is at most 65535.") }
        guard request.command != nil || files.contains(where: { !$0.profile.isEmpty }) else {
            throw Failure(.badRequest, "The service “\(name)” needs a command or a profile that starts it.")
        }
        return CheckedRequest.Service(name: name, isPermanent: service.permanent ?? false, port: service.port ?? 0)
    }

    private static func isName(_ name: String) -> Bool {
        (1...255).contains(name.utf8.count) && name != "." && name != ".."
            && !name.utf8.contains { $0 == 0 || $0 == UInt8(ascii: "/") }
    }

    /// A folder in the form that orders carry: `~` and empty parts taken away.
    static func folder(_ text: String) throws(Failure) -> String {
        var parts = text.split(separator: "/", omittingEmptySubsequences: true).map(String.init)
        let isAbsolute = text.hasPrefix("/")
        if !isAbsolute, let first = parts.first, first.hasPrefix("~") {
            guard first == "~" else {
                throw Failure(.badName, "“\(first)” is somebody's home: only your own (~) can be named so.")
            }
            parts.removeFirst()
        }
        parts.removeAll { $0 == "." }
        guard text.utf8.count <= 4096, parts.allSatisfy(isName) else {
            throw Failure(.badName, "“\(text.prefix(100))” cannot be a folder: “..” and overlong parts are refused.")
        }
        return (isAbsolute ? "/" : "") + parts.joined(separator: "/")
    }

    /// Where the command runs; an order reads an empty folder as that of the first file, so a home that is meant is `.`.
    static func folder(of request: ExecutionRequest, _ files: [CheckedRequest.File]) throws(Failure) -> String {
        guard let asked = request.folder else {
            guard let first = files.first, first.profile.isEmpty, first.isTree else { return files.first?.folder ?? "" }
            return first.folder.isEmpty ? first.name : "\(first.folder)/\(first.name)"
        }
        let folder = try folder(asked)
        return folder.isEmpty && files.first?.folder.isEmpty == false ? "." : folder
    }
}
