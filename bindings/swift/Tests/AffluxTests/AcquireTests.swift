// SPDX-License-Identifier: MIT OR Apache-2.0

import Afflux
import Testing

@Suite("Acquire", .timeLimit(.minutes(2)))
struct AcquireTests {
  @Test func freePermitsAreTakenAndGivenBack() async throws {
    let s = try AsyncSemaphore(permits: 3, name: "three")
    var one = try await s.acquire()
    var two = try await s.acquire(2)
    #expect(s.held == 3 && s.available == 0 && s.limit == 3 && s.name == "three")
    let none = try s.tryAcquire() == nil
    #expect(none)
    let counts = (one.count, two.count)
    #expect(counts == (1, 2))
    one.release()
    two.release()
    expectAtRest(s, permits: 3)
    #expect(s.statistics.acquiredFast == 3)
    #expect(s.statistics.requestsFast == 2)
    #expect(s.statistics.tryFailed == 1)
    #expect(s.statistics.peakHeld == 3)
  }

  @Test func thousandsOfInlineAcquiresAreCountedExactly() async throws {
    // The word counts 32 of them at most: the totals come through many of its turns.
    let s = try AsyncSemaphore(permits: 10)
    for i in 0..<5_000 {
      var permit = try await s.acquire(1 + i % 4)
      permit.release()
    }
    #expect(s.statistics.requestsFast == 5_000)
    #expect(s.statistics.acquiredFast == 12_500)
    expectAtRest(s, permits: 10)
  }

  @Test func withoutStatisticsNothingIsCounted() async throws {
    let s = try AsyncSemaphore(.init(permits: 2, statistics: .off))
    for _ in 0..<100 { try await s.withPermits(2) {} }
    #expect(s.statistics.requestsFast == 0)
    expectAtRest(s, permits: 2)
  }

  @Test func aWaitingTaskGetsWhatIsReleased() async throws {
    let s = try AsyncSemaphore(permits: 1)
    var held = try await s.acquire()
    let waiter = Task { try await s.withPermits { 42 } }
    await eventually { s.waiters == 1 }
    held.release()
    #expect(try await waiter.value == 42)
    #expect(s.statistics.granted == 1)
    expectAtRest(s, permits: 1)
  }

  @Test func withPermitsGivesBackWhatItHoldsHoweverItEnds() async throws {
    struct Failure: Error {}
    let s = try AsyncSemaphore(permits: 2)
    let answer = try await s.withPermits(2) {
      #expect(s.held == 2)
      return "done"
    }
    #expect(answer == "done")
    await #expect(throws: Failure.self) { try await s.withPermits { throw Failure() } }
    expectAtRest(s, permits: 2)
  }

  @Test func grantsFollowArrival() async throws {
    let s = try AsyncSemaphore(permits: 1)
    let log = Log()
    var held = try await s.acquire()
    var tasks: [Task<Void, any Error>] = []
    for i in 0..<20 {
      tasks.append(
        Task { try await s.withPermits(priority: .normal) { log.add("\(i)") } })
      await eventually { s.waiters == i + 1 }
    }
    held.release()
    for task in tasks { try await task.value }
    #expect(log.all == (0..<20).map(String.init))
  }

  @Test func aLargeRequestHoldsBackThoseBehindIt() async throws {
    let s = try AsyncSemaphore(permits: 3)
    let log = Log()
    var held = try await s.acquire(1)
    let large = Task { try await s.withPermits(3, priority: .normal) { log.add("large") } }
    await eventually { s.waiters == 1 }
    let small = Task { try await s.withPermits(1, priority: .normal) { log.add("small") } }
    await eventually { s.waiters == 2 }
    let overtook = try s.tryAcquire() != nil
    #expect(!overtook)
    #expect(s.available == 0)
    held.release()
    try await large.value
    try await small.value
    #expect(log.all == ["large", "small"])
    expectAtRest(s, permits: 3)
  }

  @Test func theCancelOfALargeRequestLetsTheSmallerIn() async throws {
    let s = try AsyncSemaphore(permits: 3)
    var held = try await s.acquire(1)
    let large = Task { try await s.withPermits(3, priority: .normal) {} }
    await eventually { s.waiters == 1 }
    let small = Task { try await s.withPermits(2, priority: .normal) {} }
    await eventually { s.waiters == 2 }
    large.cancel()
    try await small.value
    await #expect(throws: CancellationError.self) { try await large.value }
    held.release()
    expectAtRest(s, permits: 3)
  }

  @Test func throughputLetsANewcomerPass() async throws {
    let s = try AsyncSemaphore(.init(permits: 2, fairness: .throughput))
    var held = try await s.acquire(1)
    let large = Task { try await s.withPermits(2) {} }
    await eventually { s.waiters == 1 }
    let passed = try s.tryAcquire() != nil
    #expect(passed)
    held.release()
    try await large.value
    expectAtRest(s, permits: 2)
  }

  @Test func higherPrioritiesGoFirst() async throws {
    let s = try AsyncSemaphore(permits: 1)
    let log = Log()
    var held = try await s.acquire()
    var tasks: [Task<Void, any Error>] = []
    for priority in AsyncSemaphore.Priority.allCases {
      tasks.append(Task { try await s.withPermits(priority: priority) { log.add("\(priority)") } })
      await eventually { s.waiters == tasks.count }
    }
    held.release()
    for task in tasks { try await task.value }
    #expect(log.all == ["critical", "high", "normal", "low"])
  }

  @Test func theTasksPriorityIsTheRequestsOwn() async throws {
    let s = try AsyncSemaphore(permits: 1)
    let log = Log()
    var held = try await s.acquire()
    // Not through Task.value, which would raise the priority of the task that is waited for.
    let done = Shared(0)
    var count = 0
    for priority: TaskPriority in [.background, .medium, .high] {
      Task.detached(priority: priority) {
        try await s.withPermits { log.add("\(AsyncSemaphore.Priority(Task.currentPriority))") }
        done.change { $0 += 1 }
      }
      count += 1
      await eventually { s.waiters == count }
    }
    held.release()
    await eventually { done.now == 3 }
    #expect(log.all == ["high", "normal", "low"])
  }

  @Test func prioritiesOfTasksAreMapped() {
    let map: [(TaskPriority, AsyncSemaphore.Priority)] = [
      (.background, .low), (.utility, .low), (.low, .low), (.medium, .normal), (.high, .high),
      (.userInitiated, .high), (TaskPriority(rawValue: 33), .critical),
      (TaskPriority(rawValue: 0), .low),
    ]
    for (task, request) in map { #expect(AsyncSemaphore.Priority(task) == request) }
    #expect(AsyncSemaphore.Priority.low < .critical)
  }

  @Test(arguments: AsyncSemaphore.Queue.allCases)
  func everyQueueServesAllTasks(_ queue: AsyncSemaphore.Queue) async throws {
    let s = try AsyncSemaphore(.init(permits: 3, queue: queue))
    #expect(queue == .automatic || s.queue == queue)
    #expect(s.queue != .automatic)
    let gauge = Gauge()
    try await withThrowingTaskGroup(of: Void.self) { group in
      for i in 0..<300 {
        group.addTask {
          try await s.withPermits(1 + i % 3) {
            gauge.enter(1 + i % 3)
            await Task.yield()
            gauge.leave(1 + i % 3)
          }
        }
      }
      try await group.waitForAll()
    }
    #expect(gauge.peak <= 3)
    expectAtRest(s, permits: 3)
  }

  @Test func aGroupOfTenThousand() async throws {
    let s = try AsyncSemaphore(permits: 50)
    let gauge = Gauge()
    let sum = try await withThrowingTaskGroup(of: Int.self) { group in
      for i in 0..<10_000 {
        group.addTask {
          try await s.withPermits {
            gauge.enter()
            await Task.yield()
            gauge.leave()
            return i
          }
        }
      }
      return try await group.reduce(0, +)
    }
    #expect(sum == 10_000 * 9_999 / 2)
    #expect(gauge.peak <= 50)
    let t = s.statistics
    #expect(t.requestsFast + t.granted == 10_000)
    #expect(t.peakHeld <= 50)
    expectAtRest(s, permits: 50)
  }

  @Test func betweenABoundedNumberIsTakenAtOnce() throws {
    let s = try AsyncSemaphore(permits: 10)
    let some = try #require(try take(s, 2...4))
    #expect(some.count == 4)
    let rest = try #require(try take(s, 1...100))
    #expect(rest.count == 6)
    let none = try take(s, 1...1) == nil
    #expect(none)
    #expect(throws: AffluxError.tooLarge) { _ = try take(s, 11...12) }
    some.release()
    rest.release()
    expectAtRest(s, permits: 10)
  }

  private func take(_ s: AsyncSemaphore, _ range: ClosedRange<Int>) throws -> SharedPermit? {
    try s.tryAcquire(range)?.share()
  }

  @Test @MainActor func anActorIsNotLeftForFreePermits() async throws {
    let s = try AsyncSemaphore(permits: 1)
    let order = Log()
    // Queued on this actor: it runs when the actor is free for the first time.
    let other = Task { @MainActor in order.add("other") }
    var permit = try await s.acquire(isolation: #isolation)
    MainActor.assertIsolated()
    order.add("acquired")
    permit.release()
    try await s.withPermits {
      MainActor.assertIsolated()
      order.add("with permits")
    }
    await other.value
    #expect(order.all == ["acquired", "with permits", "other"])
  }

  @Test @MainActor func anActorIsComeBackToAfterAWait() async throws {
    let s = try AsyncSemaphore(permits: 1)
    let held = try await s.acquire().share()
    let release = Task.detached {
      await eventually { s.waiters == 1 }
      held.release()
    }
    let again = try await s.acquire(isolation: #isolation)
    MainActor.assertIsolated()
    #expect(again.count == 1)
    await release.value
  }
}
