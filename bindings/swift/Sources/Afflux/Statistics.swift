// SPDX-License-Identifier: MIT OR Apache-2.0

internal import CAffluxShim

extension AsyncSemaphore {
  /// What a semaphore has done since it was created. Exact when no call is under way: then
  ///
  /// - `acquiredFast + acquiredAfterWait == released + held`
  /// - `queued == waiters + granted + canceled + timedOut + dropped + closedOut + impossible`
  ///
  /// A number may be a moment old, and those read together may be of different moments. With
  /// ``StatisticsLevel/off`` the totals are 0.
  public struct Statistics: Sendable, Equatable {
    /// Permits that may be held.
    public var limit = 0
    /// Permits that are free.
    public var available = 0
    /// Permits that are held.
    public var held = 0
    /// Requests that wait, blocked threads included.
    public var waiters = 0
    /// The sum of the waiting requests' `estimatedSize`, in bytes.
    public var queueBytes = 0
    /// How long the request that has waited longest has waited; zero without one.
    public var oldestWait = Duration.zero

    /// Permits got without waiting.
    public var acquiredFast = 0
    /// Permits got by requests that had waited.
    public var acquiredAfterWait = 0
    /// Requests that were not to wait and found no permits.
    public var tryFailed = 0
    /// Permits given back.
    public var released = 0
    /// Waiting requests that were cancelled.
    public var canceled = 0
    /// Waiting requests whose time ran out.
    public var timedOut = 0
    /// Newcomers that a queue limit refused.
    public var rejected = 0
    /// Waiting requests that a queue limit dropped, or that were shed.
    public var dropped = 0
    /// Waiting requests that a close ended.
    public var closedOut = 0
    /// Changes of the limit.
    public var resizes = 0
    /// Requests behind ``acquiredFast``.
    public var requestsFast = 0
    /// Requests behind ``acquiredAfterWait``.
    public var granted = 0
    /// Waiting requests for more than the limit, after a shrink.
    public var impossible = 0
    /// Requests that have waited.
    public var queued = 0

    /// The longest wait that ended in a grant; zero without ``StatisticsLevel/full``.
    public var longestWait = Duration.zero
    /// The longest hold of a token; zero without ``StatisticsLevel/full``.
    public var longestHold = Duration.zero
    /// Since the semaphore was created, to a tick of the system's clock.
    public var age = Duration.zero
    /// The most permits held at once.
    public var peakHeld = 0
    /// The most requests that waited at once.
    public var peakWaiters = 0
    /// Of those ``dropped``: for a wait too long (``Options/shedding``).
    public var shed = 0
  }

  /// What the semaphore has done. Never waits, and slows no other call.
  public var statistics: Statistics {
    var c = afflux_sem_stats()
    _ = afflux_sem_stats_init(&c)
    _ = afflux_sem_get_stats(handle, &c)  // fails only for NULL
    return Statistics(
      limit: Int(c.limit), available: Int(c.available), held: Int(c.held), waiters: Int(c.waiters),
      queueBytes: Int(clamping: c.queue_bytes), oldestWait: .nanoseconds(c.oldest_wait_ns),
      acquiredFast: Int(c.acquired_fast), acquiredAfterWait: Int(c.acquired_after_wait),
      tryFailed: Int(c.try_failed), released: Int(c.released), canceled: Int(c.canceled),
      timedOut: Int(c.timed_out), rejected: Int(c.rejected), dropped: Int(c.dropped),
      closedOut: Int(c.closed_out), resizes: Int(c.resizes), requestsFast: Int(c.requests_fast),
      granted: Int(c.granted), impossible: Int(c.impossible), queued: Int(c.queued),
      longestWait: .nanoseconds(Int64(c.wait_max_ns)), longestHold: .nanoseconds(Int64(c.hold_max_ns)),
      age: .nanoseconds(c.age_ns), peakHeld: Int(c.peak_held), peakWaiters: Int(c.peak_waiters),
      shed: Int(c.shed))
  }

  /// A histogram of times, to 3.1 %: 16 buckets for each power of two.
  public struct Histogram: Sendable {
    private let c: afflux_histogram

    fileprivate init(_ c: afflux_histogram) { self.c = c }

    /// How many times were recorded.
    public var count: Int { Int(c.count) }
    /// Their sum.
    public var sum: Duration { .nanoseconds(Int64(c.sum_ns)) }
    /// The longest.
    public var max: Duration { .nanoseconds(Int64(c.max_ns)) }

    /// About the time that a share of those recorded did not exceed; zero when nothing was recorded.
    ///
    /// - Parameter share: 0 … 1; 0.99 for the 99th percentile.
    public func quantile(_ share: Double) -> Duration {
      withUnsafePointer(to: c) { .nanoseconds(Int64(afflux_histogram_quantile($0, share))) }
    }
  }

  /// How long the requests waited that were granted after a wait.
  ///
  /// - Throws: ``AffluxError/notSupported`` without ``StatisticsLevel/full``.
  public func waitTimes() throws(AffluxError) -> Histogram {
    try histogram(afflux_sem_wait_times)
  }

  /// How long tokens were held until they were released.
  ///
  /// - Throws: ``AffluxError/notSupported`` without ``StatisticsLevel/full``.
  public func holdTimes() throws(AffluxError) -> Histogram {
    try histogram(afflux_sem_hold_times)
  }

  private func histogram(
    _ read: (OpaquePointer?, UnsafeMutablePointer<afflux_histogram>?) -> afflux_status
  ) throws(AffluxError) -> Histogram {
    var c = afflux_histogram()
    c.struct_size = UInt32(MemoryLayout<afflux_histogram>.size)
    try check(read(handle, &c))
    return Histogram(c)
  }
}
