// SPDX-License-Identifier: MIT OR Apache-2.0

internal import CAffluxShim

extension AsyncSemaphore {
  /// Shedding of the queue (``Options/shedding``): a request that has waited too long gets
  /// ``AffluxError/rejected`` instead of its permits, for its caller has most likely given up.
  ///
  /// Too long is longer than ``interval``; and longer than ``target`` while the queue *stands*, which is
  /// once it has not been empty for an interval. So a burst is served, and a queue that does not go away
  /// is kept short. No timer sheds, but calls that release or queue.
  ///
  /// ```swift
  /// var options = AsyncSemaphore.Options(permits: 32)
  /// options.shedding = .init(adaptiveLIFO: true)
  /// let backend = try AsyncSemaphore(options)
  /// ```
  public struct Shedding: Sendable, Hashable {
    /// The longest wait while the queue stands, above zero.
    public var target: Duration
    /// The longest wait otherwise, and after how long a line that has not been empty is a queue that
    /// stands; not below ``target``.
    public var interval: Duration
    /// Whether the newest request of a priority goes first while the queue stands, so that those who are
    /// served have hardly waited. Not with ``Fairness/throughput``.
    public var adaptiveLIFO: Bool

    /// The published values, and what is given.
    public init(
      target: Duration = .milliseconds(5), interval: Duration = .milliseconds(100),
      adaptiveLIFO: Bool = false
    ) {
      self.target = target
      self.interval = interval
      self.adaptiveLIFO = adaptiveLIFO
    }

    func set(_ c: inout afflux_sem_options, _ fairness: Fairness) throws(AffluxError) {
      guard target > .zero else {
        throw .invalidArgument("shedding.target must be above zero, and is \(target)")
      }
      guard interval >= target else {
        throw .invalidArgument("shedding.interval must not be below the target, and is \(interval)")
      }
      guard !adaptiveLIFO || fairness == .fair else {
        throw .invalidArgument("shedding.adaptiveLIFO is not for Fairness.throughput")
      }
      c.shed_target_ns = try longest(nanoseconds(target))
      c.shed_interval_ns = try longest(nanoseconds(interval))
      c.adaptive_lifo = adaptiveLIFO ? 1 : 0
    }

    // Here the library knows no "for ever".
    private func longest(_ ns: Int64) -> Int64 { ns < 0 ? .max : ns }
  }
}
