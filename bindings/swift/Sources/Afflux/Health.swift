// SPDX-License-Identifier: MIT OR Apache-2.0

internal import CAffluxShim

extension AsyncSemaphore {
  /// What is too much, for ``AsyncSemaphore/health(_:)``.
  public struct HealthLimits: Sendable {
    /// More requests that wait are too many, 0 or more; `nil`: never.
    public var maxWaiters: Int?
    /// More bytes in the queue are too many, 0 or more; `nil`: never.
    public var maxQueueBytes: Int?
    /// A longer wait is too long; `nil`: never. Needs statistics.
    public var maxWait: Duration?
    /// A longer standstill is an outage; `nil`: never. Needs statistics. Choose it longer than regular
    /// work holds permits.
    public var maxStandstill: Duration?

    /// Nothing is too much, but for a standstill of 5 s.
    public init(
      maxWaiters: Int? = nil, maxQueueBytes: Int? = nil, maxWait: Duration? = nil,
      maxStandstill: Duration? = .seconds(5)
    ) {
      self.maxWaiters = maxWaiters
      self.maxQueueBytes = maxQueueBytes
      self.maxWait = maxWait
      self.maxStandstill = maxStandstill
    }
  }

  /// How a semaphore is.
  public struct Health: Sendable, Equatable {
    /// Why it is not healthy.
    public struct Reasons: OptionSet, Sendable, Hashable {
      public let rawValue: UInt32
      public init(rawValue: UInt32) { self.rawValue = rawValue }
      /// Too many wait.
      public static let waiters = Reasons(rawValue: 1)
      /// Too many bytes are in the queue.
      public static let queueBytes = Reasons(rawValue: 2)
      /// The oldest request has waited too long.
      public static let wait = Reasons(rawValue: 4)
      /// The semaphore is closed.
      public static let closed = Reasons(rawValue: 8)
      /// More is held than the limit, after a shrink: told, but no reason to be unhealthy.
      public static let debt = Reasons(rawValue: 16)
      /// Requests want permits, and none comes back: permits are lost, or their holders hang.
      public static let standstill = Reasons(rawValue: 32)
    }

    /// No limit is passed.
    public var isHealthy: Bool
    /// Which limits are passed.
    public var reasons: Reasons
    /// Requests that wait.
    public var waiters: Int
    /// The sum of their `estimatedSize`, in bytes.
    public var queueBytes: Int
    /// How long the oldest has waited.
    public var oldestWait: Duration
    /// How long the semaphore has been found to stand still.
    public var standstill: Duration
    /// Requests that came and were not served since it was first found so.
    public var unserved: Int
  }

  /// Compares queue, memory, age and movement with limits. Make the call at regular intervals,
  /// shorter than ``HealthLimits/maxStandstill``: a standstill begins with the first call that sees it.
  ///
  /// - Parameter limits: `nil`: what the semaphore was created with (``Options/maxWaiters``,
  ///   ``Options/maxQueueBytes``, ``Options/waiterTimeout``), and a standstill of 5 s.
  /// - Throws: ``AffluxError/invalidArgument(_:)``.
  public func health(_ limits: HealthLimits? = nil) throws(AffluxError) -> Health {
    var c = afflux_health()
    c.struct_size = UInt32(MemoryLayout<afflux_health>.size)
    if let limits {
      var l = afflux_health_limits()
      try check(afflux_health_limits_init_sized(&l, UInt32(MemoryLayout<afflux_health_limits>.size)))
      if let n = limits.maxWaiters { l.max_waiters = try count(n, 0...Int.max, "maxWaiters") }
      if let n = limits.maxQueueBytes {
        l.max_queue_bytes = try count(n, 0...Int.max, "maxQueueBytes")
      }
      l.max_wait_ns = try nanoseconds(limits.maxWait, "maxWait")
      l.max_still_ns = try nanoseconds(limits.maxStandstill, "maxStandstill")
      try check(afflux_sem_health(handle, &l, &c))
    } else {
      try check(afflux_sem_health(handle, nil, &c))
    }
    return Health(
      isHealthy: c.healthy != 0, reasons: .init(rawValue: c.reasons), waiters: Int(c.waiters),
      queueBytes: Int(clamping: c.queue_bytes), oldestWait: .nanoseconds(c.oldest_wait_ns),
      standstill: .nanoseconds(c.still_ns), unserved: Int(c.unserved))
  }

  /// One holder of permits, from the ledger.
  public struct Holder: Sendable, Equatable {
    /// ``Permit/id``.
    public var id: UInt64
    /// How many it holds.
    public var permits: Int
    /// For how long.
    public var heldFor: Duration
    /// ``Permit/tag``, cut after 47 bytes; `nil` without one.
    public var tag: String?
  }

  /// Who holds permits by a token: the ledger (``Options/ledger``), longest held first.
  ///
  /// - Returns: The holders, and how many permits are held beside them.
  /// - Throws: ``AffluxError/notSupported`` without a ledger.
  public func holders() throws(AffluxError) -> (holders: [Holder], untold: Int) {
    var found: [Holder] = []
    var untold: UInt64 = 0
    let status = withUnsafeMutablePointer(to: &found) { found in
      afflux_sem_visit_holders(
        handle,
        { context, holder in
          let c = holder!.pointee
          let tag = String(cString: c.tag)
          context!.assumingMemoryBound(to: [Holder].self).pointee.append(
            Holder(id: c.id, permits: Int(c.permits), heldFor: .nanoseconds(c.held_ns),
                   tag: tag.isEmpty ? nil : tag))
          return 0
        }, found, &untold)
    }
    try check(status)
    found.sort { $0.heldFor > $1.heldFor }
    return (found, Int(untold))
  }
}
