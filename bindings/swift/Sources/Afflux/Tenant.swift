// SPDX-License-Identifier: MIT OR Apache-2.0

internal import CAffluxShim

extension AsyncSemaphore {
  /// One of those who share a semaphore and cannot starve each other: a customer, a user, a kind of
  /// request.
  ///
  /// ```swift
  /// let batch = try AsyncSemaphore.Tenant(semaphore, .init(cap: 6), name: "batch")
  /// let shop = try AsyncSemaphore.Tenant(semaphore, .init(weight: 3, guaranteed: 2), name: "shop")
  ///
  /// try await shop.withPermits {
  ///   try await fetch(url)  // does not wait behind all that batch has queued
  /// }
  /// ```
  ///
  /// Its requests have a queue of their own. Among tenants that wait, permits are shared by weight, and
  /// within a tenant granted by priority and in order. What is shared is permits times the time that they
  /// are held. What a tenant does not use, the others get. Requests that name no tenant, those of the
  /// semaphore's own methods, are together those of one more (``AsyncSemaphore/setDefaultWeight(_:)``).
  ///
  /// Permits go back by their token, which knows its tenant (``Permit/tenant``), or at the end of
  /// ``withPermits(_:priority:estimatedSize:timeout:tag:isolation:_:)``. Each acquire and release is a call
  /// into the C library, and each token a small allocation; a semaphore with tenants is
  /// ``Fairness/fair``. Requests that name no tenant take free permits as ever.
  ///
  /// Every method may be called from any task or thread at any time. The tenant keeps its semaphore alive.
  /// When its last reference goes it is closed; tasks that wait, and tokens, have one each.
  public final class Tenant: Sendable {
    /// The semaphore that it shares.
    public let semaphore: AsyncSemaphore
    // As AsyncSemaphore.handle.
    nonisolated(unsafe) let handle: OpaquePointer

    /// A tenant that holds nothing.
    ///
    /// - Parameters:
    ///   - semaphore: The semaphore that it shares.
    ///   - share: Its share.
    ///   - name: A label in exports, without zero bytes.
    /// - Throws: ``AffluxError/invalidArgument(_:)``, ``AffluxError/closed``, ``AffluxError/outOfMemory``,
    ///   and ``AffluxError/notSupported`` for a semaphore with ``Fairness/throughput``, or that sheds its
    ///   queue.
    public init(
      _ semaphore: AsyncSemaphore, _ share: Share = Share(), name: String? = nil
    ) throws(AffluxError) {
      if let name { try check(text: name, "name") }
      var c = try share.forTheLibrary()
      var made: OpaquePointer?
      try check(
        withCString(name) { text in
          c.name = text
          return afflux_tenant_create(semaphore.handle, &c, &made)
        })
      handle = made!
      self.semaphore = semaphore
    }

    /// The tenant behind an `afflux_tenant *` that another language made.
    ///
    /// - Parameters:
    ///   - handle: A valid handle. It is borrowed: this object takes a reference of its own.
    ///   - semaphore: The semaphore that it shares.
    public init(retaining handle: OpaquePointer, of semaphore: AsyncSemaphore) {
      self.handle = afflux_tenant_ref(handle)
      self.semaphore = semaphore
    }

    deinit {
      afflux_tenant_unref(handle)
    }

    /// Calls `body` with the `afflux_tenant *`, for another language or another call of the C library. It
    /// is valid during the call; `body` takes a reference for longer (`afflux_tenant_ref`).
    public func withHandle<Result, Failure: Error>(
      _ body: (OpaquePointer) throws(Failure) -> Result
    ) throws(Failure) -> Result {
      defer { withExtendedLifetime(self) {} }
      return try body(handle)
    }

    // MARK: Permits

    /// Takes permits if they are free, no request waits that goes first, and its cap allows it.
    ///
    /// - Parameters:
    ///   - permits: 1 … the semaphore's limit, and the cap.
    ///   - tag: For ``Permit/tag`` and ``AsyncSemaphore/holders()``; without zero bytes.
    /// - Returns: The permits, or `nil`. Unwrap the token to keep it, as for
    ///   ``AsyncSemaphore/tryAcquire(_:tag:)-(Int,_)``.
    /// - Throws: ``AffluxError/closed``, ``AffluxError/tooLarge``, ``AffluxError/invalidArgument(_:)``.
    public func tryAcquire(_ permits: Int = 1, tag: String? = nil) throws(AffluxError) -> Permit? {
      defer { withExtendedLifetime(self) {} }
      if let tag { try check(text: tag, "tag") }
      let n = try count(permits, 1...Int.max, "permits")
      let status = afflux_tenant_try_acquire(handle, n)
      if status == AFFLUX_EAGAIN { return nil }
      try check(status)
      afflux_swift_acquired(semaphore.handle)
      return permit(n, tag)
    }

    /// Takes permits, blocking the calling thread: for threads, not for tasks, as
    /// ``AsyncSemaphore/acquireBlocking(_:priority:estimatedSize:timeout:tag:)``.
    ///
    /// - Parameters:
    ///   - permits: 1 … the semaphore's limit, and the cap.
    ///   - priority: Its place among this tenant's requests.
    ///   - estimatedSize: Bytes that count against ``Options/maxQueueBytes`` while it waits, 0 or more.
    ///   - timeout: The longest wait, zero or more; `nil`: the semaphore's ``Options/waiterTimeout``.
    ///   - tag: For ``Permit/tag`` and ``AsyncSemaphore/holders()``; without zero bytes.
    /// - Throws: ``AffluxError/timedOut``, ``AffluxError/closed``, ``AffluxError/rejected``,
    ///   ``AffluxError/tooLarge``, ``AffluxError/invalidArgument(_:)``.
    @available(*, noasync, message: "it blocks a thread of the task pool: await acquire()")
    public func acquireBlocking(
      _ permits: Int = 1, priority: Priority = .normal, estimatedSize: Int = 0,
      timeout: Duration? = nil, tag: String? = nil
    ) throws(AffluxError) -> Permit {
      defer { withExtendedLifetime(self) {} }
      if let tag { try check(text: tag, "tag") }
      let ask = try self.ask(permits, priority, estimatedSize, timeout)
      let token = try Token.acquire(for: self, ask.request, tag)
      afflux_swift_acquired(semaphore.handle)
      return Permit(semaphore, ask.request.permits, token: token)
    }

    /// Takes permits, waiting until they are granted. The caller's actor is not left where they are free.
    ///
    /// ```swift
    /// let shop = try AsyncSemaphore.Tenant(semaphore, .init(weight: 3))
    /// var permit = try await shop.acquire(2, timeout: .seconds(2))
    /// defer { permit.release() }
    /// ```
    ///
    /// A task that is cancelled leaves the queue at once, as with
    /// ``AsyncSemaphore/acquire(_:priority:estimatedSize:timeout:tag:)``.
    ///
    /// - Parameters:
    ///   - permits: 1 … the semaphore's limit, and the cap.
    ///   - priority: Its place among this tenant's requests; `nil`: as the task's own priority says.
    ///   - estimatedSize: Bytes that count against ``Options/maxQueueBytes`` while it waits, 0 or more.
    ///   - timeout: The longest wait, zero or more; `nil`: the semaphore's ``Options/waiterTimeout``. With
    ///     zero it never waits.
    ///   - tag: For ``Permit/tag`` and ``AsyncSemaphore/holders()``; without zero bytes.
    ///   - isolation: The caller's actor, to which it comes back.
    /// - Throws: `CancellationError` if the task is cancelled before permits are granted;
    ///   ``AffluxError/timedOut``; ``AffluxError/closed``, also for a tenant that is closed;
    ///   ``AffluxError/rejected``, also beyond ``Share/maxWaiters``; ``AffluxError/tooLarge``, also for
    ///   more than ``Share/cap``; ``AffluxError/invalidArgument(_:)``.
    public func acquire(
      _ permits: Int = 1, priority: Priority? = nil, estimatedSize: Int = 0,
      timeout: Duration? = nil, tag: String? = nil,
      isolation: isolated (any Actor)? = #isolation
    ) async throws -> Permit {
      if let tag { try check(text: tag, "tag") }
      return permit(try await wait(permits, priority, estimatedSize, timeout, isolation), tag)
    }

    /// Runs `body` while it holds permits, and gives them back however it ends.
    ///
    /// - Parameters:
    ///   - permits: As for ``acquire(_:priority:estimatedSize:timeout:tag:isolation:)``.
    ///   - priority: Likewise.
    ///   - estimatedSize: Likewise.
    ///   - timeout: Likewise.
    ///   - tag: Likewise.
    ///   - isolation: The caller's actor, on which `body` runs.
    ///   - body: What to do with the permits.
    /// - Returns: What `body` returns, as for
    ///   ``AsyncSemaphore/withPermits(_:priority:estimatedSize:timeout:tag:isolation:_:)``.
    /// - Throws: As ``acquire(_:priority:estimatedSize:timeout:tag:isolation:)``, and what `body` throws.
    public func withPermits<Result>(
      _ permits: Int = 1, priority: Priority? = nil, estimatedSize: Int = 0,
      timeout: Duration? = nil, tag: String? = nil,
      isolation: isolated (any Actor)? = #isolation,
      _ body: () async throws -> sending Result
    ) async throws -> sending Result {
      if let tag { try check(text: tag, "tag") }
      let n = try await wait(permits, priority, estimatedSize, timeout, isolation)
      if semaphore.tracks || tag != nil {
        let token = Token.adopt(self, n, tag)
        defer { token.release() }
        return try await body()
      }
      defer { give(n) }
      return try await body()
    }

    private func permit(_ n: UInt64, _ tag: String?) -> Permit {
      Permit(semaphore, n, token: Token.adopt(self, n, tag))
    }

    private func ask(
      _ permits: Int, _ priority: Priority, _ estimatedSize: Int, _ timeout: Duration?
    ) throws(AffluxError) -> Ask {
      var ask = try Ask(
        count(permits, 1...Int.max, "permits"), priority,
        count(estimatedSize, 0...Int.max, "estimatedSize"), nanoseconds(timeout))
      ask.request.tenant = handle
      return ask
    }

    /// The permits, which the caller holds then.
    private func wait(
      _ permits: Int, _ priority: Priority?, _ estimatedSize: Int, _ timeout: Duration?,
      _ isolation: isolated (any Actor)?
    ) async throws -> UInt64 {
      let ask = try self.ask(permits, priority ?? .ofTheTask, estimatedSize, timeout)
      defer { withExtendedLifetime(self) {} }  // the request names it until it has ended
      try await semaphore.completion(of: ask, isolation: isolation)
      return ask.request.permits
    }

    private func give(_ n: UInt64) {
      afflux_swift_releases(semaphore.handle)
      // Cannot fail for permits that are held; another language may have released too many.
      _ = afflux_tenant_release(handle, n)
    }

    // MARK: The share and the end

    /// Changes the share, from now on. What it holds beyond a lower cap it keeps; requests that wait for
    /// more than that get ``AffluxError/tooLarge``.
    ///
    /// ```swift
    /// let tenant = try AsyncSemaphore.Tenant(semaphore)
    /// var share = tenant.share
    /// share.weight = 4
    /// try tenant.set(share)
    /// ```
    ///
    /// - Throws: ``AffluxError/invalidArgument(_:)``; ``AffluxError/closed``: the tenant or the semaphore is.
    public func set(_ share: Share) throws(AffluxError) {
      defer { withExtendedLifetime(self) {} }
      var c = try share.forTheLibrary()
      try check(afflux_tenant_set(handle, &c))
    }

    /// Ends the tenant: its requests that wait get ``AffluxError/closed``, and so do later ones. What it
    /// holds goes back as before. The semaphore stays open.
    ///
    /// - Returns: Whether this call closed it; `false`: it was closed before.
    @discardableResult
    public func close() -> Bool {
      defer { withExtendedLifetime(self) {} }
      return afflux_tenant_close(handle) == AFFLUX_OK
    }

    // MARK: Observers

    /// The name given at creation, `""` without one.
    public var name: String {
      defer { withExtendedLifetime(self) {} }
      return String(cString: afflux_tenant_name(handle))
    }
  }

  /// Sets the weight, against those of tenants, that all requests together have which name no tenant. It is
  /// 1 at first.
  ///
  /// - Parameter weight: 1 … 65,535.
  /// - Throws: ``AffluxError/invalidArgument(_:)``, ``AffluxError/closed``, ``AffluxError/outOfMemory``, and
  ///   ``AffluxError/notSupported`` with ``Fairness/throughput``, or if it sheds its queue.
  public func setDefaultWeight(_ weight: Int) throws(AffluxError) {
    defer { withExtendedLifetime(self) {} }
    let n = try count(weight, Tenant.Share.weights, "weight")
    try check(afflux_tenant_set_default_weight(handle, UInt32(n)))
  }
}
