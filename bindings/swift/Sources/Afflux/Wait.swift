// SPDX-License-Identifier: MIT OR Apache-2.0

internal import CAffluxShim
internal import Synchronization

#if AFFLUX_CHECKED_CONTINUATIONS
  // The tests run with these, too: they end the process at a continuation that is resumed twice,
  // and complain of one that never is.
  private typealias Continuation = CheckedContinuation<Int32, Never>
#else
  // Chosen by measurement: a checked one is an allocation and two atomic operations more.
  private typealias Continuation = UnsafeContinuation<Int32, Never>
#endif

/// One request that waits: the C library's waiter, and the task that is to go on when it completes.
///
/// The task is resumed exactly once, by whichever of these comes:
///
/// - W1  the call that queues the request, if that answers other than AFFLUX_PENDING;
/// - W2  the wake function: the library calls it once for each AFFLUX_PENDING, unless
/// - W3  a cancel has answered AFFLUX_OK.
///
/// A cancel is tried once, when the request is both queued and cancelled: by the thread that sets
/// the second of these two bits of `state`. So it never concerns a waiter that was not queued.
///
/// Memory: one block, which the task frees when it goes on. By then no other thread uses it. The wake
/// function reads the continuation and resumes it as its last act. `begin` has returned, for the task
/// does not go on before. And the cancellation handler has returned: it is a closure that does not
/// escape, so withTaskCancellationHandler() does not return before that.
///
/// Sendable: a pointer to what any thread may use as told above.
private struct Wait: Sendable {
  private struct Rest: ~Copyable {
    var continuation: Continuation?
    let state = Atomic<UInt8>(0)
  }
  private static let published: UInt8 = 1
  private static let queued: UInt8 = 2
  private static let canceled: UInt8 = 4
  private static let restOffset = MemoryLayout<afflux_waiter>.stride

  nonisolated(unsafe) private let memory: UnsafeMutableRawPointer
  private var waiter: UnsafeMutablePointer<afflux_waiter> {
    memory.assumingMemoryBound(to: afflux_waiter.self)
  }
  private var rest: UnsafeMutablePointer<Rest> {
    (memory + Wait.restOffset).assumingMemoryBound(to: Rest.self)
  }

  private init(_ memory: UnsafeMutableRawPointer) { self.memory = memory }

  static func make() -> Wait {
    let memory = UnsafeMutableRawPointer.allocate(
      byteCount: restOffset + MemoryLayout<Rest>.size, alignment: 16)
    (memory + restOffset).initializeMemory(as: Rest.self, to: Rest())
    return Wait(memory)
  }

  func free() {
    rest.deinitialize(count: 1)
    memory.deallocate()
  }

  func begin(_ continuation: Continuation, _ semaphore: OpaquePointer, _ ask: Ask) {
    rest.pointee.continuation = continuation
    // [begun] pairs with the wake function's load. The library orders the two as well, but the
    // thread sanitizer does not see into it. Not a store: a cancel may have come already.
    rest.pointee.state.bitwiseOr(Wait.published, ordering: .releasing)
    var request = ask.request
    request.ctx = memory
    request.wake = { context, status in
      let wait = Wait(context!)
      _ = wait.rest.pointee.state.load(ordering: .acquiring)  // [begun]
      wait.resume(status)
    }
    let status =
      ask.forIdleness
      ? afflux_sem_wait_idle_async(semaphore, &request, waiter)
      : afflux_sem_acquire_async(semaphore, &request, waiter)
    if status == AFFLUX_PENDING {
      set(Wait.queued)
    } else {
      resume(status)
    }
  }

  /// The task was cancelled: before, while or after the request is queued.
  func cancel() { set(Wait.canceled) }

  private func set(_ bit: UInt8) {
    let (before, after) = rest.pointee.state.bitwiseOr(bit, ordering: .acquiringAndReleasing)
    let both = Wait.queued | Wait.canceled
    guard before & both != both, after & both == both else { return }
    // Otherwise W2 has come, or comes.
    if afflux_waiter_cancel(waiter) == AFFLUX_OK { resume(Int32(AFFLUX_ECANCELED)) }
  }

  /// Only enqueues the task's job: a wake function may do that.
  private func resume(_ status: Int32) {
    let continuation = rest.pointee.continuation.unsafelyUnwrapped
    continuation.resume(returning: status)
  }
}

/// What is asked for.
struct Ask: @unchecked Sendable {  // the request's pointers are NULL, but for a tenant that the caller has
  var request: afflux_request
  var forIdleness = false

  init(
    _ permits: UInt64, _ priority: AsyncSemaphore.Priority, _ cost: UInt64, _ limit: Int64
  ) throws(AffluxError) {
    request = afflux_request()
    try check(afflux_request_init(&request))
    request.permits = permits
    request.priority = priority.rawValue
    request.cost_bytes = cost
    request.timeout_ns = limit
  }
}

extension AsyncSemaphore {
  /// Suspends the task until the request has completed, or is taken back because the task was
  /// cancelled.
  @inline(__always)
  func completion(of ask: Ask, isolation: isolated (any Actor)?) async throws {
    if afflux_swift_canceled() { throw CancellationError() }
    let wait = Wait.make()
    let status = await withTaskCancellationHandler {
      #if AFFLUX_CHECKED_CONTINUATIONS
        await withCheckedContinuation { wait.begin($0, handle, ask) }
      #else
        await withUnsafeContinuation { wait.begin($0, handle, ask) }
      #endif
    } onCancel: {
      wait.cancel()
    }
    wait.free()
    if status != AFFLUX_OK { throw failure(status) }
    afflux_swift_acquired(handle)
  }

  @inline(never)
  private func failure(_ status: Int32) -> any Error {
    switch Int(status) {
    case AFFLUX_ECANCELED: CancellationError()
    case AFFLUX_EAGAIN: AffluxError.timedOut  // a timeout of zero
    default: AffluxError(status: status)
    }
  }
}
