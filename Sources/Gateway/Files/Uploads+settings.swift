import Settings

extension Uploads.Limits {
    init(_ settings: Settings) throws {
        let bytes = try settings.int("uploadBytesPerUser", default: Int(bytesPerUser))
        bytesPerUser = UInt64(max(0, bytes))
        keep = .seconds(max(1, try settings.int("uploadsKeptSeconds", default: 24 * 3600)))
    }
}
