// SPDX-License-Identifier: MIT OR Apache-2.0

internal import CAffluxShim

extension AsyncSemaphore.Control {
  /// By which rule a control finds the limit.
  public enum Algorithm: UInt32, Sendable, CaseIterable {
    /// By what a little more in flight brings, which it tries all the time: the limit goes a few per
    /// cent up and down. Bounds of its own: 1 … 1,000.
    case automatic = 0
    /// One more after a good request, a tenth less after a drop. 20 … 200.
    case aimd = 1
    /// By the queue that the least latency seen does not explain. 1 … 1,000.
    case vegas = 2
    /// By a long average of latencies over the latest. 20 … 200.
    case gradient2 = 3
    /// By the latency of probes at a low limit, which is the least. 3 … 1,000.
    case gradient = 4

    /// The algorithm of that name, as a configuration file may have it: `"default"`, `"aimd"`,
    /// `"vegas"`, `"gradient2"`, `"gradient"`. `nil`: there is none.
    public init?(name: String) {
      if name.utf8.contains(0) { return nil }
      var found: UInt32 = 0
      guard afflux_control_find_algorithm(name, &found) == AFFLUX_OK else { return nil }
      self.init(rawValue: found)
    }

    /// Its name.
    public var name: String { String(cString: afflux_control_algorithm_name(rawValue)) }
  }

  /// How a request has ended.
  public enum Outcome: UInt32, Sendable, CaseIterable {
    /// It was done; an error of its own counts as well.
    case served = 0
    /// Overload ended it: its time ran out, or the server refused it.
    case dropped = 1
    /// Its latency says nothing: it failed early, came from a cache, was cancelled.
    case ignored = 2
  }

  /// How to create a control: all at its default, or
  ///
  /// ```swift
  /// var options = AsyncSemaphore.Control.Options()
  /// options.min = 4
  /// options.max = 500
  /// let control = try AsyncSemaphore.Control(semaphore, options)
  /// ```
  public struct Options: Sendable {
    /// By which rule.
    public var algorithm: Algorithm
    /// The least limit, 1 … 2^42 − 1 permits: what the largest request asks for, or more. `nil`: the
    /// algorithm's, or ``max`` if that is less.
    public var min: Int?
    /// The highest limit, 1 … 2^42 − 1 permits; `nil`: the algorithm's, or ``min`` if that is more.
    public var max: Int?
    /// The limit to begin with, ``min`` … ``max``; `nil`: the semaphore's, brought within them.
    /// ``Algorithm/gradient`` begins with a probe at ``min``.
    public var initial: Int?
    /// Of the jitter that some algorithms need.
    public var seed: UInt64
    /// How long a window lasts, above zero; `nil`: what the algorithm takes for one by itself.
    public var window: Duration?
    /// With ``Algorithm/aimd`` what took longer counts as dropped, above zero; `nil`: no time does.
    public var timeout: Duration?
    /// With ``Algorithm/gradient`` from probe to probe, above zero; `nil`: one probe, at the start.
    public var probeInterval: Duration?

    /// The defaults, and what is given.
    public init(
      algorithm: Algorithm = .automatic, min: Int? = nil, max: Int? = nil, initial: Int? = nil,
      seed: UInt64 = 1, window: Duration? = nil, timeout: Duration? = .seconds(5),
      probeInterval: Duration? = .seconds(60)
    ) {
      self.algorithm = algorithm
      self.min = min
      self.max = max
      self.initial = initial
      self.seed = seed
      self.window = window
      self.timeout = timeout
      self.probeInterval = probeInterval
    }

    /// The same for the C library.
    func forTheLibrary() throws(AffluxError) -> afflux_control_options {
      var c = afflux_control_options()
      try check(afflux_control_options_init(&c))
      c.algorithm = algorithm.rawValue
      c.min = try bound(min, "min")
      c.max = try bound(max, "max")
      c.initial = try bound(initial, "initial")
      c.seed = seed
      c.window_ns = try span(window, "window", otherwise: 0)
      c.timeout_ns = try span(timeout, "timeout", otherwise: .max)
      c.probe_interval_ns = try span(probeInterval, "probeInterval", otherwise: .max)
      return c
    }
  }
}

private func bound(_ permits: Int?, _ what: StaticString) throws(AffluxError) -> UInt64 {
  guard let permits else { return 0 }
  return try count(permits, 1...maxPermits, what)
}

/// A time above zero in nanoseconds. One that is too long for them is as good as the longest.
private func span(
  _ time: Duration?, _ what: StaticString, otherwise: Int64
) throws(AffluxError) -> Int64 {
  guard let time else { return otherwise }
  let ns = try nanoseconds(time, what)
  guard ns != 0 else { throw .invalidArgument("\(what) must be above zero") }
  return ns < 0 ? .max : ns
}
