import Messages

/// Every execution this gateway owns: takes requests, and tells what became of them.
actor Executions {
    private let perExecution = Feed<Int, RunView>()
    private let perUser = Feed<ExecutionID, ExecutionView>()

    /// Takes a request on; when it returns, the submission is on the disk and on its way to the nodes.
    ///
    /// The same key with the same request gives the same execution with `isNew` false; with another request it throws
    /// `conflict`. Anything wrong with the request is thrown as the first reason met, before anything is stored; nodes
    /// that no broker has registered refuse the whole request with `unknown_node` and their names in `nodes`.
    func submit(
        _ request: ExecutionRequest, by identity: Identity, idempotencyKey: String?
    ) async throws(Failure) -> (view: ExecutionView, isNew: Bool) {
        throw Failure(.internal, "")
    }

    /// The user's executions, newest first, without their runs; `before` is the last one of the page before.
    func list(
        user: String, active: Bool, limit: Int, before: ExecutionID?
    ) async throws(Failure) -> [ExecutionView] {
        throw Failure(.internal, "")
    }

    /// One execution with its runs; another user's looks like one that is not there: `unknown_execution`.
    func show(_ id: ExecutionID, user: String) async throws(Failure) -> ExecutionView {
        throw Failure(.internal, "")
    }

    /// The run number of a node in an execution; `unknown_node` where it is none of its nodes.
    func run(of node: String, in id: ExecutionID, user: String) async throws(Failure) -> UInt32 {
        throw Failure(.internal, "")
    }

    /// Wishes the runs stopped, on all nodes where none are named; the wish is on the disk when it returns.
    func stop(
        _ id: ExecutionID, nodes: [String]?, graceMilliseconds: UInt64?, by identity: Identity
    ) async throws(Failure) {
        throw Failure(.internal, "")
    }

    /// The runs of an execution that change from now on, each with its newest state; ends when the execution is complete.
    ///
    /// Subscribe first and `show` then, and nothing is missed. The caller has made sure that the reader may see it.
    func changes(of id: ExecutionID) -> Changes<Int, RunView> { perExecution.subscribe() }

    /// The user's executions that are new or changed from now on, each with its newest state, without runs.
    func changes(user: String) -> Changes<ExecutionID, ExecutionView> { perUser.subscribe() }

    /// Every run is in its last state and its output is all in the log.
    func isComplete(_ id: ExecutionID) async throws(Failure) -> Bool {
        throw Failure(.internal, "")
    }
}
