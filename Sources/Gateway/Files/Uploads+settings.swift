import Settings

extension Uploads.Limits {
    init(_ settings: Settings) throws {
        bytesPerUser = try settings.bytes("uploadBytesPerUser", default: bytesPerUser)
        keep = .seconds(max(1, try settings.int("uploadsKeptSeconds", default: 24 * 3600)))
    }
}
