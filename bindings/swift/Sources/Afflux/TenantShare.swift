// SPDX-License-Identifier: MIT OR Apache-2.0

internal import CAffluxShim

extension AsyncSemaphore.Tenant {
  /// What a tenant may use of its semaphore, beside the others.
  public struct Share: Sendable, Hashable {
    /// Its part of permits times the time that they are held, relative to the other tenants that wait:
    /// 1 … 65,535.
    public var weight: Int
    /// Permits that come before all weights, 0 … 2^42 − 1 and no more than ``cap``: while it waits and
    /// would not hold more than these, its requests are granted first. What it does not use is lent to
    /// the others. Those of all tenants together should be no more than the semaphore's limit.
    public var guaranteed: Int
    /// The most permits that it ever holds, 1 or more; `nil`: no cap. A request that would make it more
    /// waits, and keeps no other tenant from a free permit.
    public var cap: Int?
    /// The bound on its requests that wait, 1 or more: another is refused with ``AffluxError/rejected``.
    /// `nil`: no bound but the semaphore's.
    public var maxWaiters: Int?

    static let weights = 1...Int(AFFLUX_TENANT_MAX_WEIGHT)

    /// The defaults, and what is given.
    public init(
      weight: Int = 1, guaranteed: Int = 0, cap: Int? = nil, maxWaiters: Int? = nil
    ) {
      self.weight = weight
      self.guaranteed = guaranteed
      self.cap = cap
      self.maxWaiters = maxWaiters
    }

    /// The same for the C library.
    func forTheLibrary() throws(AffluxError) -> afflux_tenant_options {
      var c = afflux_tenant_options()
      try check(afflux_tenant_options_init(&c))
      c.weight = UInt32(try count(weight, Share.weights, "weight"))
      c.guaranteed = try count(guaranteed, 0...maxPermits, "guaranteed")
      if let cap { c.cap = try count(cap, 1...Int.max, "cap") }
      if let maxWaiters { c.max_waiters = try count(maxWaiters, 1...Int.max, "maxWaiters") }
      if let cap, guaranteed > cap {
        throw .invalidArgument("guaranteed must not be above cap, \(cap), and is \(guaranteed)")
      }
      return c
    }
  }

  /// What a tenant has, and has had. While requests come and go, numbers may be of different moments.
  public struct Statistics: Sendable, Equatable {
    /// What it may use.
    public var share = Share()
    /// Permits that it holds.
    public var held = 0
    /// Requests of it that wait, blocked threads included.
    public var waiters = 0
    /// How long a permit of it has been held lately, by which its next requests are charged; zero: none has
    /// been given back yet.
    public var holdTime = Duration.zero

    /// Permits that it got.
    public var acquired = 0
    /// Requests behind ``acquired``.
    public var requests = 0
    /// Of these requests, those that waited.
    public var waits = 0
    /// Of these waits, those that ``Share/guaranteed`` ended.
    public var byGuarantee = 0
    /// The sum of these waits, each to a tick of the system's clock unless the semaphore has
    /// ``AsyncSemaphore/StatisticsLevel/full``.
    public var waited = Duration.zero
    /// The longest of these waits, likewise.
    public var longestWait = Duration.zero
    /// Requests that were not to wait and found no permits.
    public var tryFailed = 0
    /// Requests that a queue limit refused or dropped.
    public var rejected = 0
    /// Waiting requests whose time ran out.
    public var timedOut = 0
    /// Waiting requests that were cancelled.
    public var canceled = 0
    /// Waiting requests that a close ended, or a change of the share or the limit.
    public var ended = 0
    /// What it has held, permits times seconds, until its last acquire or release.
    public var permitSeconds = 0.0
  }

  /// What the tenant has, and has had. Never waits, and slows no other call.
  public var statistics: Statistics {
    defer { withExtendedLifetime(self) {} }
    var c = afflux_tenant_stats()
    _ = afflux_tenant_stats_init(&c)
    _ = afflux_tenant_get_stats(handle, &c)  // fails only for NULL
    return Statistics(
      share: Share(
        weight: Int(c.weight), guaranteed: Int(c.guaranteed),
        cap: c.cap == 0 ? nil : Int(clamping: c.cap),
        maxWaiters: c.max_waiters == 0 ? nil : Int(clamping: c.max_waiters)),
      held: Int(c.held), waiters: Int(c.waiting), holdTime: .nanoseconds(Int64(c.hold_ns)),
      acquired: Int(c.acquired), requests: Int(c.requests), waits: Int(c.waits),
      byGuarantee: Int(c.by_guarantee), waited: .nanoseconds(Int64(c.wait_sum_ns)),
      longestWait: .nanoseconds(Int64(c.wait_max_ns)), tryFailed: Int(c.try_failed),
      rejected: Int(c.rejected), timedOut: Int(c.timed_out), canceled: Int(c.canceled),
      ended: Int(c.ended), permitSeconds: c.used_permit_seconds)
  }

  /// What the tenant may use now.
  public var share: Share { statistics.share }
}
