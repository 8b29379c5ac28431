// SPDX-License-Identifier: MIT OR Apache-2.0

internal import CAffluxShim

extension AsyncSemaphore {
  /// What happens to requests at a queue limit (``Options/maxWaiters``, ``Options/maxQueueBytes``).
  /// It concerns only requests that have to queue.
  public enum Strategy: UInt32, Sendable, CaseIterable {
    /// Newcomers wait all the same. The limits are marks for ``AsyncSemaphore/health(_:)``.
    case suspend = 0
    /// The newcomer is refused: ``AffluxError/rejected``.
    case dropNewest = 1
    /// The oldest request of the lowest priority present gets ``AffluxError/rejected``, and the
    /// newcomer queues.
    case dropOldest = 2
    /// The newcomer is refused: ``AffluxError/rejected``. The same as ``dropNewest``.
    case fail = 3
  }

  /// Who may go first.
  public enum Fairness: UInt32, Sendable, CaseIterable {
    /// First come, first served within a priority. No newcomer overtakes a request that waits.
    case fair = 0
    /// A newcomer may take free permits past those that wait, a bounded number of times (256).
    case throughput = 1
  }

  /// Where a newcomer is left while another thread works on the queue. All else is the same.
  public enum Queue: UInt32, Sendable, CaseIterable {
    /// What measurement recommends.
    case automatic = 0
    /// A lock bit, and a lock-free inbox of the requests themselves.
    case intrusive = 1
    /// A lock-free queue of pointers; a wait may allocate.
    case lockFree = 2
    /// An atomic slot for one newcomer.
    case hybrid = 3
    /// Each arrival waits for a lock: the yardstick.
    case mutex = 4
  }

  /// What a semaphore counts.
  public enum StatisticsLevel: UInt32, Sendable, CaseIterable {
    /// Nothing: the totals stay 0.
    case off = 1
    /// Totals, and how long the oldest request has waited.
    case counters = 2
    /// Histograms of wait and hold times, too. A token is then a small allocation.
    case full = 3
  }

  /// A higher priority goes first. Lower ones are not starved: after 64 grants of higher ones that
  /// passed it, the first of a priority is the next.
  public enum Priority: UInt32, Sendable, CaseIterable, Comparable {
    /// Goes last.
    case low = 0
    /// The default of threads, and of tasks with the priority `.medium`.
    case normal = 1
    /// Goes before ``normal``.
    case high = 2
    /// Goes first.
    case critical = 3

    /// Whether `a` goes after `b`.
    public static func < (a: Priority, b: Priority) -> Bool { a.rawValue < b.rawValue }

    /// What a task's priority means in the queue: `.utility` and below are ``low``, `.medium` is
    /// ``normal``, `.high` (`.userInitiated`) is ``high``, and what is above that ``critical``.
    public init(_ priority: TaskPriority) {
      switch priority.rawValue {
      case ..<TaskPriority.medium.rawValue: self = .low
      case ..<TaskPriority.high.rawValue: self = .normal
      case TaskPriority.high.rawValue: self = .high
      default: self = .critical
      }
    }

    /// That of the calling task; within a task only.
    static var ofTheTask: Priority {
      Priority(TaskPriority(rawValue: afflux_swift_priority()))
    }
  }

  /// How to create a semaphore: `AsyncSemaphore(permits: 8)` with all else at its default, or
  ///
  /// ```swift
  /// var options = AsyncSemaphore.Options(permits: 64)
  /// options.name = "uploads"
  /// options.strategy = .fail
  /// options.maxWaiters = 1_000
  /// let uploads = try AsyncSemaphore(options)
  /// ```
  public struct Options: Sendable {
    /// The limit on permits held at once, 0 … 2^42 − 1. With 0 every request is refused
    /// (``AffluxError/tooLarge``), and none waits, until a resize.
    public var permits: Int
    /// A label in statistics and exports, without zero bytes.
    public var name: String?
    /// What happens at a queue limit.
    public var strategy: Strategy
    /// The bound on requests that wait, 1 or more; `nil`: none.
    public var maxWaiters: Int?
    /// The bound on the sum of the waiting requests' `estimatedSize`, in bytes, 1 or more; `nil`: none.
    public var maxQueueBytes: Int?
    /// The longest wait of a request that names none, above zero; `nil`: for ever.
    public var waiterTimeout: Duration?
    /// Which requests are shed for a wait too long; `nil`: none. A semaphore that sheds has no tenants.
    public var shedding: Shedding?
    /// Who may go first.
    public var fairness: Fairness
    /// How newcomers queue.
    public var queue: Queue
    /// What is counted.
    public var statistics: StatisticsLevel
    /// How many holders ``AsyncSemaphore/holders()`` can tell of, 0 … 65,536; 0: there is no ledger.
    /// With a ledger a token is a small allocation.
    public var ledger: Int

    /// The defaults, and what is given.
    public init(
      permits: Int, name: String? = nil, strategy: Strategy = .suspend, maxWaiters: Int? = nil,
      maxQueueBytes: Int? = nil, waiterTimeout: Duration? = nil, fairness: Fairness = .fair,
      queue: Queue = .automatic, statistics: StatisticsLevel = .counters, ledger: Int = 0,
      shedding: Shedding? = nil
    ) {
      self.permits = permits
      self.name = name
      self.strategy = strategy
      self.maxWaiters = maxWaiters
      self.maxQueueBytes = maxQueueBytes
      self.waiterTimeout = waiterTimeout
      self.fairness = fairness
      self.queue = queue
      self.statistics = statistics
      self.ledger = ledger
      self.shedding = shedding
    }

    /// A new handle of the C library, one reference.
    func create() throws(AffluxError) -> OpaquePointer {
      if let name { try check(text: name, "name") }
      var c = afflux_sem_options()
      try check(afflux_sem_options_init(&c))
      c.permits = try count(permits, 0...maxPermits, "permits")
      c.max_waiters = try maxWaiters.map(orThrow: 0) { n throws(AffluxError) in
        try count(n, 1...Int.max, "maxWaiters")
      }
      c.max_queue_bytes = try maxQueueBytes.map(orThrow: 0) { n throws(AffluxError) in
        try count(n, 1...Int.max, "maxQueueBytes")
      }
      c.waiter_timeout_ns = try nanoseconds(waiterTimeout, "waiterTimeout")
      guard c.waiter_timeout_ns != 0 else {
        throw .invalidArgument("waiterTimeout must be above zero")
      }
      c.overflow = strategy.rawValue
      c.fairness = fairness.rawValue
      c.queue = queue.rawValue
      c.statistics = statistics.rawValue
      c.ledger = UInt32(try count(ledger, 0...65_536, "ledger"))
      if let shedding { try shedding.set(&c, fairness) }
      var handle: OpaquePointer?
      try check(
        withCString(name) { text in
          c.name = text
          return afflux_sem_create(&c, &handle)
        })
      return handle!
    }
  }
}

/// What an Int of the C library's word for permits can be.
let maxPermits = (1 << 42) - 1

/// `n` for the C library, or an error that says what is wrong with it.
@inline(__always)
func count(_ n: Int, _ range: ClosedRange<Int>, _ what: StaticString) throws(AffluxError) -> UInt64 {
  guard range.contains(n) else { throw outOfRange(n, range, what) }
  return UInt64(n)
}

@inline(never)
private func outOfRange(_ n: Int, _ range: ClosedRange<Int>, _ what: StaticString) -> AffluxError {
  range.upperBound == Int.max
    ? .invalidArgument("\(what) must be \(range.lowerBound) or more, not \(n)")
    : .invalidArgument("\(what) must be \(range.lowerBound) … \(range.upperBound), not \(n)")
}

/// A time limit for the C library: `nil` is AFFLUX_FOREVER. What is above zero is not cut to zero,
/// and what is too long for its nanoseconds (292 years) is for ever.
@inline(__always)
func nanoseconds(_ limit: Duration?, _ what: StaticString = "timeout") throws(AffluxError) -> Int64 {
  guard let limit else { return -1 }
  return try nanoseconds(of: limit, what)
}

@inline(never)
private func nanoseconds(of limit: Duration, _ what: StaticString) throws(AffluxError) -> Int64 {
  guard limit >= .zero else { throw .invalidArgument("\(what) must not be negative, and is \(limit)") }
  let (seconds, attoseconds) = limit.components
  let (whole, over) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
  let (sum, overAgain) = whole.addingReportingOverflow((attoseconds + 999_999_999) / 1_000_000_000)
  return over || overAgain ? -1 : sum
}

/// A C string ends at a zero byte: such a text would be cut there.
@usableFromInline @inline(never)
func check(text: String, _ what: StaticString) throws(AffluxError) {
  if text.utf8.contains(0) { throw .invalidArgument("\(what) must not have a zero byte") }
}

/// The text as a C string for the call, or NULL.
func withCString<Result>(_ text: String?, _ body: (UnsafePointer<CChar>?) -> Result) -> Result {
  guard let text else { return body(nil) }
  return text.withCString { body($0) }
}

extension Optional {
  /// As `map`, for a closure that throws an error of a known type.
  fileprivate func map<Result>(
    orThrow other: Result, _ transform: (Wrapped) throws(AffluxError) -> Result
  ) throws(AffluxError) -> Result {
    guard case .some(let value) = self else { return other }
    return try transform(value)
  }
}
