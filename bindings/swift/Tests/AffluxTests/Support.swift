// SPDX-License-Identifier: MIT OR Apache-2.0

import Afflux
import Synchronization
import Testing

#if canImport(Darwin)
  import Darwin
#else
  import Glibc
#endif

/// Numbers that one seed tells: what a failed run printed can be run again (AFFLUX_TEST_SEED).
struct Seeded: RandomNumberGenerator {
  private var state: UInt64
  init(_ seed: UInt64) { state = seed }
  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}

func seed() -> UInt64 {
  if let text = getenv("AFFLUX_TEST_SEED"), let n = UInt64(String(cString: text)) { return n }
  return UInt64.random(in: 1...1_000_000)
}

/// Comes back when the condition holds. The tests' own time limit ends one that never does.
func eventually(_ holds: () -> Bool) async {
  while !holds() { await Task.yield() }
}

/// A value that several tasks and threads change. Not by Swift's own Mutex: the thread sanitizer does
/// not see into that one.
final class Shared<Value: Sendable>: Sendable {
  nonisolated(unsafe) private var value: Value
  nonisolated(unsafe) private let lock: UnsafeMutablePointer<pthread_mutex_t>

  init(_ value: Value) {
    self.value = value
    lock = .allocate(capacity: 1)
    pthread_mutex_init(lock, nil)
  }

  deinit {
    pthread_mutex_destroy(lock)
    lock.deallocate()
  }

  func change(_ body: (inout Value) -> Void) {
    pthread_mutex_lock(lock)
    defer { pthread_mutex_unlock(lock) }
    body(&value)
  }

  var now: Value {
    pthread_mutex_lock(lock)
    defer { pthread_mutex_unlock(lock) }
    return value
  }
}

/// What was seen, in order, by any task.
final class Log: Sendable {
  private let entries = Shared<[String]>([])
  func add(_ entry: String) { entries.change { $0.append(entry) } }
  var all: [String] { entries.now }
}

/// The most that were in at once.
final class Gauge: Sendable {
  private let now = Atomic<Int>(0)
  private let top = Atomic<Int>(0)
  func enter(_ n: Int = 1) {
    let seen = now.wrappingAdd(n, ordering: .acquiringAndReleasing).newValue
    _ = top.max(seen, ordering: .relaxed)
  }
  func leave(_ n: Int = 1) { now.wrappingSubtract(n, ordering: .acquiringAndReleasing) }
  var peak: Int { top.load(ordering: .relaxed) }
}

/// A thread of its own, for calls that block.
final class Thread: Sendable {
  nonisolated(unsafe) private var handle: pthread_t
  private final class Body: Sendable {
    let run: @Sendable () -> Void
    init(_ run: @escaping @Sendable () -> Void) { self.run = run }
  }

  init(_ run: @escaping @Sendable () -> Void) {
    let body = Unmanaged.passRetained(Body(run)).toOpaque()
    #if canImport(Darwin)
      var made: pthread_t?
      precondition(
        pthread_create(&made, nil, {
          Unmanaged<Body>.fromOpaque($0).takeRetainedValue().run()
          return nil
        }, body) == 0)
      handle = made!
    #else
      var made = pthread_t()
      precondition(
        pthread_create(&made, nil, {
          Unmanaged<Body>.fromOpaque($0!).takeRetainedValue().run()
          return nil
        }, body) == 0)
      handle = made
    #endif
  }

  func join() { pthread_join(handle, nil) }
}

/// The two laws of the statistics, at rest.
func expectLaws(
  _ s: AsyncSemaphore, sourceLocation: SourceLocation = #_sourceLocation
) {
  let t = s.statistics
  #expect(t.acquiredFast + t.acquiredAfterWait == t.released + t.held, sourceLocation: sourceLocation)
  #expect(
    t.queued == t.waiters + t.granted + t.canceled + t.timedOut + t.dropped + t.closedOut
      + t.impossible, sourceLocation: sourceLocation)
}

/// Nothing is held, no request waits, all permits are free, and the totals agree.
func expectAtRest(
  _ s: AsyncSemaphore, permits: Int, sourceLocation: SourceLocation = #_sourceLocation
) {
  #expect(s.held == 0, sourceLocation: sourceLocation)
  #expect(s.waiters == 0, sourceLocation: sourceLocation)
  #expect(s.available == permits, sourceLocation: sourceLocation)
  expectLaws(s, sourceLocation: sourceLocation)
}
