// SPDX-License-Identifier: MIT OR Apache-2.0

internal import CAffluxShim

extension AsyncSemaphore.Control {
  /// What the end of a window did to the limit.
  public enum Decision: UInt32, Sendable, CaseIterable {
    /// Nothing.
    case kept = 0
    /// It is higher.
    case raised = 1
    /// It is lower.
    case lowered = 2
  }

  /// Why the limit was changed, or kept. Its ``description`` is in words. Later versions of the library may
  /// have more.
  public struct Reason: RawRepresentable, Sendable, Hashable, CustomStringConvertible {
    public let rawValue: UInt32
    public init(rawValue: UInt32) { self.rawValue = rawValue }
    /// No window has ended.
    public static let none = Reason(rawValue: 0)
    /// Nothing calls for another limit.
    public static let steady = Reason(rawValue: 1)
    /// Latency shows no queue.
    public static let room = Reason(rawValue: 2)
    /// Latency shows a queue.
    public static let queue = Reason(rawValue: 3)
    /// Requests were dropped, or took too long.
    public static let drops = Reason(rawValue: 4)
    /// Too little of the limit was in use to judge it.
    public static let unused = Reason(rawValue: 5)
    /// Too few samples.
    public static let tooFew = Reason(rawValue: 6)
    /// A probe began or ended.
    public static let probe = Reason(rawValue: 7)
    /// The highest limit keeps it from growing.
    public static let max = Reason(rawValue: 8)
    /// The least limit keeps it from shrinking.
    public static let min = Reason(rawValue: 9)

    public var description: String { String(cString: afflux_control_reason_text(rawValue)) }
  }

  /// A change of the limit by a control.
  public struct Change: Sendable, Hashable {
    /// The limit as it was.
    public var before: Int
    /// The limit as it is.
    public var after: Int
    /// Why.
    public var reason: Reason
  }

  /// What a control knows, and what it has done. While a window is being closed on another thread,
  /// numbers may be of before and of after.
  public struct Statistics: Sendable, Equatable {
    /// By which rule.
    public var algorithm = Algorithm.automatic
    /// Whether the limit is left alone.
    public var isPaused = false
    /// What the end of the last window did to the limit.
    public var decision = Decision.kept
    /// And why.
    public var reason = Reason.none

    /// The semaphore's limit now.
    public var limit = 0
    /// The least limit, as in force.
    public var min = 0
    /// The highest limit, as in force.
    public var max = 0
    /// The limit as the algorithm sees it: without rounding, bounds, and what it tries for one window.
    public var center = 0.0

    /// Samples of requests that were served, those of pauses included, as in all totals.
    public var served = 0
    /// Samples of requests that were dropped.
    public var dropped = 0
    /// Samples that were ignored.
    public var ignored = 0
    /// Of these, samples in no window, because too many threads were stopped inside a sample.
    public var missed = 0
    /// Windows that have ended.
    public var windows = 0
    /// Changes of the limit upwards, the first one included.
    public var raised = 0
    /// Changes of the limit downwards, likewise.
    public var lowered = 0

    /// How long the last window lasted; this and what follows is 0 before one has ended.
    public var windowLength = Duration.zero
    /// Its samples of requests that were served.
    public var windowServed = 0
    /// Its samples of requests that were dropped.
    public var windowDropped = 0
    /// Its mean latency.
    public var windowLatency = Duration.zero
    /// The mean of the permits held when a request of it ended.
    public var windowInFlight = 0.0
    /// Its requests served in a second.
    public var windowThroughput = 0.0
  }

  /// What the control knows and has done. Never waits, and slows no sample.
  public var statistics: Statistics {
    var c = afflux_control_stats()
    _ = afflux_control_stats_init(&c)
    _ = afflux_control_get_stats(handle, &c)  // fails only for NULL
    return Statistics(
      algorithm: Algorithm(rawValue: c.algorithm) ?? .automatic, isPaused: c.paused != 0,
      decision: Decision(rawValue: c.decision) ?? .kept, reason: Reason(rawValue: c.reason),
      limit: Int(c.limit), min: Int(c.min), max: Int(c.max), center: c.center,
      served: Int(c.served), dropped: Int(c.dropped), ignored: Int(c.ignored),
      missed: Int(c.missed), windows: Int(c.windows), raised: Int(c.raised),
      lowered: Int(c.lowered), windowLength: .nanoseconds(c.window_ns),
      windowServed: Int(c.window_served), windowDropped: Int(c.window_dropped),
      windowLatency: .nanoseconds(Int64(c.window_latency_ns)), windowInFlight: c.window_in_flight,
      windowThroughput: c.window_throughput)
  }
}
