import ArgumentParser

struct UpVerb: AsyncParsableCommand { func run() async throws {} }
struct KeysVerb: AsyncParsableCommand { func run() async throws {} }
