// SPDX-License-Identifier: MIT OR Apache-2.0

internal import CAffluxShim
internal import Synchronization

extension AsyncSemaphore {
  /// Finds a semaphore's limit: told of each request that has ended, it moves the limit.
  ///
  /// ```swift
  /// let control = try AsyncSemaphore.Control(semaphore, .init(min: 4, max: 500))
  ///
  /// try await semaphore.withPermits {
  ///   try await control.measure { try await fetch(url) }
  /// }
  /// ```
  ///
  /// A sample is of the work that the permits protect, from the acquire to its end, without the wait for
  /// the permits. It is told before they are released. ``measure(droppedIf:isolation:_:)`` does that for
  /// a closure, ``release(_:_:)-(Permit,_)`` for a token, ``sample(_:_:)`` for whatever has the time
  /// itself.
  ///
  /// There is no task and no timer: the sample that ends a window moves the limit, so that the limit
  /// stays as it is without samples. Tasks that the growth lets in go on. A shrink below what is held revokes
  /// nothing, and ends requests that wait for more than the limit with ``AffluxError/tooLarge``.
  ///
  /// A semaphore has one control at a time. From its creation on, new tokens (``Permit``) of the semaphore
  /// know their hold time, as with full statistics: each is a small allocation, and reads the clock.
  ///
  /// Every method may be called from any task or thread at any time. The control keeps its semaphore
  /// alive. When its last reference goes the limit stays, and the semaphore may have another control.
  public final class Control: Sendable {
    /// The semaphore whose limit it moves.
    public let semaphore: AsyncSemaphore
    // As AsyncSemaphore.handle.
    nonisolated(unsafe) let handle: OpaquePointer
    private let listener: Listener?
    // Other languages may have references of their own.
    private let isShared = Atomic<Bool>(false)

    /// Steers `semaphore` from now on. The limit is the algorithm's first.
    ///
    /// - Parameters:
    ///   - semaphore: The semaphore whose limit it moves.
    ///   - options: How.
    ///   - onChange: Called of each change of the limit, the first one included, in order and one at a
    ///     time, by the call that ends a window and on its thread: so it is to be short. It may call
    ///     anything, the control's own methods too. Until it returns no other window ends, and no call
    ///     waits for that. The control keeps it.
    /// - Throws: ``AffluxError/busy``: another control steers the semaphore; ``AffluxError/closed``,
    ///   ``AffluxError/invalidArgument(_:)``, ``AffluxError/outOfMemory``.
    public init(
      _ semaphore: AsyncSemaphore, _ options: Options = Options(),
      onChange: (@Sendable (Change) -> Void)? = nil
    ) throws(AffluxError) {
      var c = try options.forTheLibrary()
      let listener = onChange.map { Listener($0) }
      if let listener {
        c.ctx = Unmanaged.passUnretained(listener).toOpaque()
        c.on_change = { context, before, after, reason in
          let change = Change(before: Int(before), after: Int(after), reason: Reason(rawValue: reason))
          Unmanaged<Listener>.fromOpaque(context!).takeUnretainedValue().tell(change)
        }
      }
      var made: OpaquePointer?
      let status = afflux_control_create(semaphore.handle, &c, &made)
      if status == AFFLUX_EINVAL {
        throw .invalidArgument("min is above max, or initial is not within them")
      }
      try check(status)
      handle = made!
      self.semaphore = semaphore
      self.listener = listener
      semaphore.keepHoldTimes()
    }

    /// The control behind an `afflux_control *` that another language made.
    ///
    /// - Parameters:
    ///   - handle: A valid handle. It is borrowed: this object takes a reference of its own.
    ///   - semaphore: The semaphore that it steers.
    public init(retaining handle: OpaquePointer, of semaphore: AsyncSemaphore) {
      self.handle = afflux_control_ref(handle)
      self.semaphore = semaphore
      listener = nil
      semaphore.keepHoldTimes()
    }

    deinit {
      afflux_control_unref(handle)
      guard let listener else { return }
      listener.forget()
      // The library still calls it as long as another language has a reference.
      if isShared.load(ordering: .relaxed) { _ = Unmanaged.passRetained(listener) }
    }

    /// Calls `body` with the `afflux_control *`, for another language or another call of the C library.
    /// It is valid during the call; `body` takes a reference for longer (`afflux_control_ref`). What was
    /// given as `onChange` is called as long as this object lives.
    public func withHandle<Result, Failure: Error>(
      _ body: (OpaquePointer) throws(Failure) -> Result
    ) throws(Failure) -> Result {
      isShared.store(true, ordering: .relaxed)
      defer { withExtendedLifetime(self) {} }
      return try body(handle)
    }

    // MARK: Samples

    /// Tells of a request that has ended, before its permits are released.
    ///
    /// - Parameters:
    ///   - latency: How long the work took, without the wait for the permits; zero or more.
    ///   - outcome: How it ended.
    /// - Throws: ``AffluxError/invalidArgument(_:)``: the latency is negative.
    public func sample(_ latency: Duration, _ outcome: Outcome = .served) throws(AffluxError) {
      defer { withExtendedLifetime(self) {} }
      let ns = try nanoseconds(latency, "latency")
      try check(afflux_control_sample(handle, ns < 0 ? .max : ns, outcome.rawValue))
    }

    /// Gives the permits of a token back, and tells of them: the hold time is the latency.
    ///
    /// ```swift
    /// let control = try AsyncSemaphore.Control(semaphore)
    /// var permit = try await semaphore.acquire()
    /// let page = try await fetch(url)
    /// try control.release(&permit, page.isEmpty ? .ignored : .served)
    /// ```
    ///
    /// A token that ends without this is no sample.
    ///
    /// - Parameters:
    ///   - permit: A token of ``semaphore``, acquired after the control was made.
    ///   - outcome: How the request ended.
    /// - Returns: Whether this call gave them back; `false`: that was done before, and nothing is counted.
    /// - Throws: ``AffluxError/invalidArgument(_:)``: it is of another semaphore, or has no hold time. It
    ///   keeps its permits.
    @discardableResult
    public func release(
      _ permit: inout Permit, _ outcome: Outcome = .served
    ) throws(AffluxError) -> Bool {
      try release(permit.token, permit.count, outcome)
    }

    /// As ``release(_:_:)-(Permit,_)``, for a token as an object. Of several calls at once exactly one
    /// gives the permits back.
    @discardableResult
    public func release(
      _ permit: SharedPermit, _ outcome: Outcome = .served
    ) throws(AffluxError) -> Bool {
      try release(permit.token, permit.count, outcome)
    }

    private func release(
      _ token: Token?, _ count: Int, _ outcome: Outcome
    ) throws(AffluxError) -> Bool {
      defer { withExtendedLifetime(self) {} }
      let status = token?.release(to: handle, outcome.rawValue)
        ?? Int32(count == 0 ? AFFLUX_EALREADY : AFFLUX_EINVAL)
      if status == AFFLUX_EINVAL {
        throw .invalidArgument("the permit is of another semaphore, or older than the control")
      }
      // AFFLUX_EOVERFLOW: another language has given back what it did not hold; that is told there.
      return status != AFFLUX_EALREADY
    }

    /// Runs `body`, and tells how long it took and how it ended: served if it returns, dropped or ignored
    /// if it throws. Within the permits' scope:
    ///
    /// ```swift
    /// let control = try AsyncSemaphore.Control(semaphore)
    /// let page = try await semaphore.withPermits {
    ///   try await control.measure(droppedIf: { $0 as? AffluxError == .timedOut }) {
    ///     try await fetch(url)
    ///   }
    /// }
    /// ```
    ///
    /// - Parameters:
    ///   - droppedIf: Whether overload shows by an error that `body` has thrown. Any other is ignored. By
    ///     default ``AffluxError/timedOut``.
    ///   - isolation: The caller's actor, on which `body` runs.
    ///   - body: The work that the permits protect.
    /// - Returns: What `body` returns, as for
    ///   ``AsyncSemaphore/withPermits(_:priority:estimatedSize:timeout:tag:isolation:_:)``.
    /// - Throws: What `body` throws.
    public func measure<Result>(
      droppedIf: (any Error) -> Bool = isTimedOut,
      isolation: isolated (any Actor)? = #isolation,
      _ body: () async throws -> sending Result
    ) async rethrows -> sending Result {
      let begin = SuspendingClock.now
      do {
        let result = try await body()
        add(begin, .served)
        return result
      } catch {
        add(begin, droppedIf(error) ? .dropped : .ignored)
        throw error
      }
    }

    /// As ``measure(droppedIf:isolation:_:)``, for threads.
    public func measure<Result>(
      droppedIf: (any Error) -> Bool = isTimedOut, _ body: () throws -> Result
    ) rethrows -> Result {
      let begin = SuspendingClock.now
      do {
        let result = try body()
        add(begin, .served)
        return result
      } catch {
        add(begin, droppedIf(error) ? .dropped : .ignored)
        throw error
      }
    }

    /// Whether it is ``AffluxError/timedOut``: what ``measure(droppedIf:isolation:_:)`` takes for a drop
    /// by default.
    public static func isTimedOut(_ error: any Error) -> Bool { error as? AffluxError == .timedOut }

    private func add(_ begin: SuspendingClock.Instant, _ outcome: Outcome) {
      try? sample(SuspendingClock.now - begin, outcome)  // no clock goes back
    }

    // MARK: Steering

    /// Leaves the limit alone until ``resume()``: for a deployment, a test, a known outage. Samples go on
    /// being counted. A window that is being closed at this moment may still change the limit.
    ///
    /// - Returns: Whether this call paused it; `false`: it was paused before.
    @discardableResult
    public func pause() -> Bool { afflux_control_pause(handle) == AFFLUX_OK }

    /// Goes on, with what it knew before the pause. A window begins now.
    ///
    /// - Returns: Whether it was paused.
    @discardableResult
    public func resume() -> Bool {
      defer { withExtendedLifetime(self) {} }
      return afflux_control_resume(handle) == AFFLUX_OK
    }
  }
}

/// Who is told of changes.
private final class Listener: Sendable {
  private typealias Call = @Sendable (AsyncSemaphore.Control.Change) -> Void
  private let call: Mutex<Call?>

  init(_ call: @escaping @Sendable (AsyncSemaphore.Control.Change) -> Void) {
    self.call = Mutex(call)
  }

  /// The library makes one call at a time, which the thread sanitizer cannot see.
  func tell(_ change: AsyncSemaphore.Control.Change) {
    let here = OpaquePointer(Unmanaged.passUnretained(self).toOpaque())
    afflux_swift_acquired(here)
    call.withLock { $0 }?(change)
    afflux_swift_releases(here)
  }

  func forget() { call.withLock { $0 = nil } }
}
