// SPDX-License-Identifier: MIT OR Apache-2.0

public import CAffluxShim
public import Synchronization

/// A semaphore for tasks and threads: it limits the work in flight to a number of permits.
///
/// ```swift
/// let downloads = try AsyncSemaphore(permits: 8)
///
/// try await downloads.withPermits {
///   try await fetch(url)  // at most 8 at once
/// }
/// ```
///
/// Free permits are taken and given back by one compare-and-swap, without a call into the C library
/// and without an allocation. A task that waits holds no thread. Every method may be called from any
/// task or thread at any time; one semaphore may be shared with other languages in the process
/// (``init(retaining:)``).
///
/// When the last reference to the semaphore goes, it is closed. Tasks that wait, and tokens, have
/// one each.
public final class AsyncSemaphore: Sendable {
  // The library may be called with the handle from any thread, and this object owns one reference.
  @usableFromInline nonisolated(unsafe) let handle: OpaquePointer
  // Where permits are taken without a call; valid as long as the handle. Its words are only read and
  // written as atomics.
  @usableFromInline nonisolated(unsafe) let block: UnsafeMutablePointer<afflux_fastpath>?
  // Tokens are the C library's own: for the ledger, or the histogram of hold times.
  @usableFromInline let tracks: Bool
  // The same for what lasts beyond a scope, and once there is a control: it asks for the hold time.
  @usableFromInline let timesTokens: Atomic<Bool>

  /// A semaphore with all permits free.
  ///
  /// - Parameters:
  ///   - permits: The limit on permits held at once, 0 … 2^42 − 1.
  ///   - name: A label in statistics and exports.
  ///   - strategy: What happens when `maxWaiters` wait.
  ///   - maxWaiters: The bound on requests that wait, 1 or more; `nil`: none.
  /// - Throws: ``AffluxError/invalidArgument(_:)``, ``AffluxError/outOfMemory``.
  public convenience init(
    permits: Int, name: String? = nil, strategy: Strategy = .suspend, maxWaiters: Int? = nil
  ) throws(AffluxError) {
    try self.init(Options(permits: permits, name: name, strategy: strategy, maxWaiters: maxWaiters))
  }

  /// A semaphore with all permits free.
  ///
  /// - Throws: ``AffluxError/invalidArgument(_:)``, ``AffluxError/outOfMemory``, and
  ///   ``AffluxError/notSupported`` for a queue that this library does not have.
  public init(_ options: Options) throws(AffluxError) {
    handle = try options.create()
    block = afflux_swift_block(handle)
    tracks = options.ledger > 0 || options.statistics == .full
    timesTokens = Atomic(tracks)
  }

  /// The semaphore behind an `afflux_sem *` that another language made: the same permits, the same
  /// queue.
  ///
  /// - Parameter handle: A valid handle. It is borrowed: this object takes a reference of its own.
  public init(retaining handle: OpaquePointer) {
    self.handle = afflux_sem_ref(handle)
    block = afflux_swift_block(handle)
    var statistics = afflux_sem_stats()
    _ = afflux_sem_stats_init(&statistics)
    _ = afflux_sem_get_stats(handle, &statistics)
    let ledger = afflux_sem_visit_holders(handle, { _, _ in 1 }, nil, nil)
    tracks = statistics.statistics == AFFLUX_STATS_FULL || ledger != AFFLUX_ENOTSUP
    timesTokens = Atomic(tracks)
  }

  deinit {
    afflux_sem_unref(handle)
  }

  /// Calls `body` with the `afflux_sem *`, for another language or another call of the C library.
  /// It is valid during the call; `body` takes a reference for longer (`afflux_sem_ref`).
  public func withHandle<Result, Failure: Error>(
    _ body: (OpaquePointer) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    defer { withExtendedLifetime(self) {} }
    return try body(handle)
  }

  // relaxed: a token made while the control is may be of either kind.
  @inlinable @inline(__always)
  var keepsHoldTimes: Bool { timesTokens.load(ordering: .relaxed) }

  /// From now on tokens know how long they are held.
  func keepHoldTimes() { timesTokens.store(true, ordering: .relaxed) }

  // MARK: Without waiting

  /// Takes free permits; `false`: the call is to be made.
  @inlinable @inline(__always)
  func take(_ n: UInt64) -> Bool {
    afflux_swift_take(handle, block, n) != 0
  }

  /// Gives back permits that are held. Completes the requests that now fit.
  ///
  /// By pointers, so that no reference is counted for it. The caller keeps the semaphore.
  @inlinable @inline(__always)
  static func give(
    _ n: UInt64, to handle: OpaquePointer, _ block: UnsafeMutablePointer<afflux_fastpath>?
  ) {
    if afflux_swift_give(block, n) == 0 { giveByCall(n, to: handle) }
  }

  @usableFromInline @inline(never)
  static func giveByCall(_ n: UInt64, to handle: OpaquePointer) {
    afflux_swift_releases(handle)
    // Cannot fail for permits that are held; another language may have released too many.
    _ = afflux_sem_release(handle, n)
  }

  /// Takes permits if they are free and, with ``Fairness/fair``, no request waits.
  ///
  /// ```swift
  /// guard var permit = try semaphore.tryAcquire() else { return }
  /// defer { permit.release() }
  /// ```
  ///
  /// Unwrap the token, as here, to keep it. Swift consumes an optional `let` of a type without copies
  /// where it is chained: `permit?.count` would end the token, and give the permits back.
  ///
  /// - Parameters:
  ///   - permits: 1 … ``limit``.
  ///   - tag: For ``Permit/tag`` and ``holders()``; without zero bytes.
  /// - Returns: The permits, or `nil`: too few are free, or others wait.
  /// - Throws: ``AffluxError/closed``, ``AffluxError/tooLarge``, ``AffluxError/invalidArgument(_:)``.
  @inlinable
  public func tryAcquire(_ permits: Int = 1, tag: String? = nil) throws(AffluxError) -> Permit? {
    if let tag { try check(text: tag, "tag") }
    let n = UInt64(bitPattern: Int64(permits))
    if take(n) { return Permit(self, n, tag) }
    return try tryByCall(permits) ? Permit(self, n, tag) : nil
  }

  @usableFromInline @inline(never)
  func tryByCall(_ permits: Int) throws(AffluxError) -> Bool {
    let status = afflux_sem_try_acquire(handle, try count(permits, 1...Int.max, "permits"))
    if status == AFFLUX_EAGAIN { return false }
    try check(status)
    return true
  }

  /// Takes as many permits as are free, between two bounds, in one step.
  ///
  /// - Parameters:
  ///   - range: At least and at most how many; at least one, and no more than ``limit`` at the lower end.
  ///   - tag: For ``Permit/tag`` and ``holders()``; without zero bytes.
  /// - Returns: The permits (``Permit/count`` says how many), or `nil`: too few are free, or others
  ///   wait.
  /// - Throws: As ``tryAcquire(_:tag:)``.
  public func tryAcquire(
    _ range: ClosedRange<Int>, tag: String? = nil
  ) throws(AffluxError) -> Permit? {
    if let tag { try check(text: tag, "tag") }
    let least = try count(range.lowerBound, 1...Int.max, "the lower bound")
    var n: UInt64 = 0
    let status = afflux_sem_try_acquire_up_to(handle, least, UInt64(range.upperBound), &n)
    if status == AFFLUX_EAGAIN { return nil }
    try check(status)
    return Permit(self, n, tag)
  }

  /// Takes permits, blocking the calling thread: for threads, not for tasks.
  ///
  /// The compiler refuses it in asynchronous functions, but not in a synchronous one that a task
  /// calls: there it blocks a thread of the task pool, or an actor.
  ///
  /// - Parameters:
  ///   - permits: 1 … ``limit``.
  ///   - priority: Its place in the queue.
  ///   - estimatedSize: Bytes that count against ``Options/maxQueueBytes`` while it waits, 0 or more.
  ///   - timeout: The longest wait, zero or more; `nil`: the semaphore's ``Options/waiterTimeout``.
  ///   - tag: For ``Permit/tag`` and ``holders()``; without zero bytes.
  /// - Throws: ``AffluxError/timedOut``, ``AffluxError/closed``, ``AffluxError/rejected``,
  ///   ``AffluxError/tooLarge``, ``AffluxError/invalidArgument(_:)``.
  @available(*, noasync, message: "it blocks a thread of the task pool: await acquire()")
  public func acquireBlocking(
    _ permits: Int = 1, priority: Priority = .normal, estimatedSize: Int = 0,
    timeout: Duration? = nil, tag: String? = nil
  ) throws(AffluxError) -> Permit {
    if let tag { try check(text: tag, "tag") }
    let n = try count(permits, 1...Int.max, "permits")
    let cost = try count(estimatedSize, 0...Int.max, "estimatedSize")
    let limit = try nanoseconds(timeout)
    if take(n) { return Permit(self, n, tag) }
    if priority == .normal && cost == 0 {
      try check(afflux_sem_acquire(handle, n, limit))
      afflux_swift_acquired(handle)
      return Permit(self, n, tag)
    }
    var request = try Ask(n, priority, cost, limit).request
    var token = afflux_permit_token()
    try check(afflux_sem_acquire_permit(handle, &request, limit, &token))
    // From now on they are this package's to count.
    try check(afflux_permit_forget(&token))
    afflux_swift_acquired(handle)
    return Permit(self, n, tag)
  }

  // MARK: Waiting

  /// Takes permits, waiting until they are granted. Free ones are taken without a suspension.
  ///
  /// ```swift
  /// var permit = try await semaphore.acquire(3, priority: .high, timeout: .seconds(2))
  /// defer { permit.release() }
  /// ```
  ///
  /// The permits go back when the token is released, or when it ends. A task that is cancelled
  /// leaves the queue at once. Permits that were granted before that are returned as usual.
  ///
  /// - Parameters:
  ///   - permits: 1 … ``limit``.
  ///   - priority: Its place in the queue; `nil`: as the task's own priority says
  ///     (``Priority/init(_:)``).
  ///   - estimatedSize: Bytes that count against ``Options/maxQueueBytes`` while it waits, 0 or more.
  ///   - timeout: The longest wait, zero or more: never early, and late by a millisecond plus what the
  ///     system takes to run the task; `nil`: the semaphore's ``Options/waiterTimeout``. With zero it
  ///     never waits.
  ///   - tag: For ``Permit/tag`` and ``holders()``; without zero bytes.
  /// - Throws: `CancellationError` if the task is cancelled before permits are granted, also if it
  ///   is already; ``AffluxError/timedOut``, ``AffluxError/closed``, ``AffluxError/rejected``,
  ///   ``AffluxError/tooLarge``, ``AffluxError/invalidArgument(_:)``.
  @inlinable @inline(__always)
  public func acquire(
    _ permits: Int = 1, priority: Priority? = nil, estimatedSize: Int = 0,
    timeout: Duration? = nil, tag: String? = nil
  ) async throws -> Permit {
    if let tag { try check(text: tag, "tag") }
    if !takeUnlessCanceled(permits, estimatedSize, timeout) {
      try await wait(permits, priority, estimatedSize, timeout, nil)
      // Where the compiler knows the executor on both ways, it need not switch after a fast one.
      await AsyncSemaphore.resume()
    }
    return Permit(self, UInt64(bitPattern: Int64(permits)), tag)
  }

  @inlinable @inline(__always)
  static func resume() async { resumed() }

  @usableFromInline @inline(never)
  static func resumed() {}

  /// As ``acquire(_:priority:estimatedSize:timeout:tag:)``, on the caller's actor: free permits are
  /// taken without leaving it, not even for a moment.
  ///
  /// ```swift
  /// let permit = try await semaphore.acquire(isolation: self)
  /// ```
  ///
  /// - Parameter isolation: The caller's actor; `#isolation` is the one that the call is made from.
  @inlinable
  public func acquire(
    _ permits: Int = 1, priority: Priority? = nil, estimatedSize: Int = 0,
    timeout: Duration? = nil, tag: String? = nil,
    isolation: isolated (any Actor)?
  ) async throws -> Permit {
    if let tag { try check(text: tag, "tag") }
    if !takeUnlessCanceled(permits, estimatedSize, timeout) {
      try await wait(permits, priority, estimatedSize, timeout, isolation)
    }
    return Permit(self, UInt64(bitPattern: Int64(permits)), tag)
  }

  /// `false` for bad input, too: the call then says what is wrong with it.
  @inlinable @inline(__always)
  func takeUnlessCanceled(_ permits: Int, _ estimatedSize: Int, _ timeout: Duration?) -> Bool {
    if estimatedSize < 0 { return false }
    if let timeout, timeout < .zero { return false }
    return !afflux_swift_canceled() && take(UInt64(bitPattern: Int64(permits)))
  }

  /// Runs `body` while it holds permits, and gives them back however it ends.
  ///
  /// ```swift
  /// let page = try await semaphore.withPermits { try await fetch(url) }
  /// ```
  ///
  /// - Parameters:
  ///   - permits: 1 … ``limit``.
  ///   - priority: As for ``acquire(_:priority:estimatedSize:timeout:tag:)``.
  ///   - estimatedSize: Likewise.
  ///   - timeout: Likewise.
  ///   - tag: Likewise.
  ///   - isolation: The caller's actor, on which `body` runs.
  ///   - body: What to do with the permits.
  /// - Returns: What `body` returns. If that is not Sendable, it must be new: not the actor's own, and
  ///   nothing that was there before.
  /// - Throws: As ``acquire(_:priority:estimatedSize:timeout:tag:)``, and what `body` throws.
  @inlinable
  public func withPermits<Result>(
    _ permits: Int = 1, priority: Priority? = nil, estimatedSize: Int = 0,
    timeout: Duration? = nil, tag: String? = nil,
    isolation: isolated (any Actor)? = #isolation,
    _ body: () async throws -> sending Result
  ) async throws -> sending Result {
    if let tag { try check(text: tag, "tag") }
    if !takeUnlessCanceled(permits, estimatedSize, timeout) {
      try await wait(permits, priority, estimatedSize, timeout, isolation)
    }
    let n = UInt64(bitPattern: Int64(permits))
    if tracks || tag != nil {
      let token = Token.adopt(self, n, tag)
      defer { token.release() }
      return try await body()
    }
    defer {
      AsyncSemaphore.give(n, to: handle, block)
      withExtendedLifetime(self) {}
    }
    return try await body()
  }

  /// Waits until nothing is held and no request waits. To shut down: ``close()``, then this.
  ///
  /// - Parameters:
  ///   - timeout: The longest wait, zero or more; `nil`: for ever.
  ///   - isolation: The caller's actor, to which it comes back.
  /// - Throws: `CancellationError`, ``AffluxError/timedOut``, ``AffluxError/invalidArgument(_:)``.
  public func waitIdle(
    timeout: Duration? = nil, isolation: isolated (any Actor)? = #isolation
  ) async throws {
    var ask = try Ask(1, .normal, 0, try nanoseconds(timeout))
    ask.forIdleness = true
    try await completion(of: ask, isolation: isolation)
  }

  @usableFromInline @inline(never)
  func wait(
    _ permits: Int, _ priority: Priority?, _ estimatedSize: Int, _ timeout: Duration?,
    _ isolation: isolated (any Actor)?
  ) async throws {
    let ask = try Ask(
      count(permits, 1...Int.max, "permits"), priority ?? .ofTheTask,
      count(estimatedSize, 0...Int.max, "estimatedSize"), nanoseconds(timeout))
    try await completion(of: ask, isolation: isolation)
  }

  // MARK: The limit and the end

  /// Changes the limit. Growth grants at once. A shrink below what is held revokes nothing: releases
  /// pay it off. Requests that wait for more than the new limit get ``AffluxError/tooLarge``.
  ///
  /// - Parameter permits: The new limit, 0 … 2^42 − 1.
  /// - Throws: ``AffluxError/invalidArgument(_:)``.
  public func resize(to permits: Int) throws(AffluxError) {
    try check(afflux_sem_resize(handle, try count(permits, 0...maxPermits, "permits")))
  }

  /// Changes the limit by a difference, in one step beside others who do so.
  ///
  /// - Parameter difference: Permits to add; negative: to take away.
  /// - Returns: The new limit.
  /// - Throws: ``AffluxError/overflow`` if the limit would be below 0 or above 2^42 − 1.
  @discardableResult
  public func resize(by difference: Int) throws(AffluxError) -> Int {
    var limit: UInt64 = 0
    try check(afflux_sem_resize_by(handle, Int64(difference), &limit))
    return Int(limit)
  }

  /// Closes the semaphore for good: who waits gets ``AffluxError/closed``, and so does who comes.
  /// Permits that are held go back as before.
  ///
  /// - Returns: Whether this call closed it; `false`: it was closed before.
  @discardableResult
  public func close() -> Bool { afflux_sem_close(handle) == AFFLUX_OK }

  // MARK: Observers

  /// Whether ``close()`` has been called.
  public var isClosed: Bool { afflux_sem_is_closed(handle) != 0 }
  /// The permits that may be held at once.
  public var limit: Int { Int(afflux_sem_limit(handle)) }
  /// Permits that are free now; 0 while a request waits, and while more is held than the limit.
  public var available: Int { Int(afflux_sem_available(handle)) }
  /// Permits that are held now; above ``limit`` after a shrink.
  public var held: Int { Int(afflux_sem_held(handle)) }
  /// Requests that wait now, blocked threads included: exact when nothing is moving.
  public var waiters: Int { Int(afflux_sem_waiters(handle)) }
  /// The name given at creation, `""` without one.
  public var name: String { String(cString: afflux_sem_name(handle)) }
  /// The queue that is really used, never ``Queue/automatic``.
  public var queue: Queue { Queue(rawValue: afflux_sem_queue(handle)) ?? .automatic }
}
