// SPDX-License-Identifier: MIT OR Apache-2.0

import Afflux
import Testing

/// What ends a wait, or refuses it: queue limits, time, a resize, a close.
@Suite("Limits", .timeLimit(.minutes(2)))
struct LimitTests {
  /// A semaphore with its one permit held and two tasks in the queue.
  struct Full {
    let semaphore: AsyncSemaphore
    let held: SharedPermit
    let first, second: Task<Void, any Error>

    init(_ strategy: AsyncSemaphore.Strategy, maxWaiters: Int? = 2) async throws {
      let s = try AsyncSemaphore(permits: 1, strategy: strategy, maxWaiters: maxWaiters)
      semaphore = s
      held = try s.tryAcquire()!.share()
      first = Task { try await s.withPermits(priority: .normal) {} }
      await eventually { s.waiters == 1 }
      second = Task { try await s.withPermits(priority: .normal) {} }
      await eventually { s.waiters == 2 }
    }
  }

  @Test func suspendLetsTheNewcomerWait() async throws {
    let full = try await Full(.suspend)
    let s = full.semaphore
    let third = Task { try await s.withPermits {} }
    await eventually { s.waiters == 3 }
    #expect(try s.health().reasons == .waiters)
    #expect(try !s.health().isHealthy)
    full.held.release()
    for task in [full.first, full.second, third] { try await task.value }
    #expect(s.statistics.granted == 3)
    expectAtRest(s, permits: 1)
  }

  @Test(arguments: [AsyncSemaphore.Strategy.dropNewest, .fail])
  func theNewcomerIsRefused(_ strategy: AsyncSemaphore.Strategy) async throws {
    let full = try await Full(strategy)
    let s = full.semaphore
    await #expect(throws: AffluxError.rejected) { try await s.withPermits {} }
    #expect(s.waiters == 2)
    full.held.release()
    try await full.first.value
    try await full.second.value
    #expect(s.statistics.rejected == 1)
    expectAtRest(s, permits: 1)
  }

  @Test func dropOldestMakesRoomForTheNewcomer() async throws {
    let full = try await Full(.dropOldest)
    let s = full.semaphore
    let third = Task { try await s.withPermits {} }
    await #expect(throws: AffluxError.rejected) { try await full.first.value }
    #expect(s.waiters == 2)
    full.held.release()
    try await full.second.value
    try await third.value
    #expect(s.statistics.dropped == 1)
    expectAtRest(s, permits: 1)
  }

  @Test func theQueuesBytesAreBounded() async throws {
    let s = try AsyncSemaphore(.init(permits: 1, strategy: .fail, maxQueueBytes: 100))
    let held = try s.tryAcquire()!.share()
    let waiter = Task { try await s.withPermits(estimatedSize: 80) {} }
    await eventually { s.waiters == 1 }
    #expect(s.statistics.queueBytes == 80)
    await #expect(throws: AffluxError.rejected) { try await s.withPermits(estimatedSize: 21) {} }
    held.release()
    try await waiter.value
    // What is free at once is never refused.
    try await s.withPermits(estimatedSize: 1_000) {}
    expectAtRest(s, permits: 1)
  }

  @Test func moreBytesThanAnIntHoldsAreToldAsTheMost() async throws {
    let s = try AsyncSemaphore(permits: 1)
    let held = try s.tryAcquire()!.share()
    let waiters = (0..<2).map { _ in Task { try await s.withPermits(estimatedSize: .max) {} } }
    await eventually { s.waiters == 2 }
    #expect(s.statistics.queueBytes == .max)
    #expect(try s.health().queueBytes == .max)
    held.release()
    for waiter in waiters { try await waiter.value }
    expectAtRest(s, permits: 1)
  }

  @Test func aTimeRunsOut() async throws {
    let s = try AsyncSemaphore(permits: 1)
    let held = try s.tryAcquire()!.share()
    let clock = ContinuousClock()
    let begin = clock.now
    await #expect(throws: AffluxError.timedOut) { try await s.withPermits(timeout: .milliseconds(20)) {} }
    #expect(clock.now - begin >= .milliseconds(20))  // never early
    await #expect(throws: AffluxError.timedOut) { _ = try await s.acquire(timeout: .zero) }
    #expect(s.statistics.timedOut == 1)
    #expect(s.statistics.tryFailed == 1)
    held.release()
    // A time limit that does not run out.
    try await s.withPermits(timeout: .seconds(100)) {}
    expectAtRest(s, permits: 1)
  }

  @Test func aTimedRequestIsGranted() async throws {
    let s = try AsyncSemaphore(permits: 1)
    let held = try s.tryAcquire()!.share()
    let waiter = Task { try await s.withPermits(timeout: .seconds(100)) {} }
    await eventually { s.waiters == 1 }
    held.release()
    try await waiter.value
    expectAtRest(s, permits: 1)
  }

  @Test func theSemaphoresOwnTimeHoldsForRequestsWithoutOne() async throws {
    let s = try AsyncSemaphore(.init(permits: 1, waiterTimeout: .milliseconds(5)))
    let held = try s.tryAcquire()!.share()
    await #expect(throws: AffluxError.timedOut) { try await s.withPermits {} }
    held.release()
    expectAtRest(s, permits: 1)
  }

  @Test func growthGrantsAndAShrinkLeavesADebt() async throws {
    let s = try AsyncSemaphore(permits: 1)
    let held = try s.tryAcquire()!.share()
    let waiter = Task { try await s.acquire().share() }
    await eventually { s.waiters == 1 }
    try s.resize(to: 2)
    let second = try await waiter.value
    #expect(s.held == 2 && s.limit == 2)
    #expect(try s.resize(by: -1) == 1)
    #expect(s.available == 0)
    #expect(try s.health().reasons == .debt)
    held.release()
    #expect(s.available == 0 && s.held == 1)
    second.release()
    #expect(s.statistics.resizes == 2)
    expectAtRest(s, permits: 1)
  }

  @Test func whatAShrinkMakesImpossibleEnds() async throws {
    let s = try AsyncSemaphore(permits: 3)
    let held = try s.tryAcquire()!.share()
    let waiter = Task { try await s.withPermits(3) {} }
    await eventually { s.waiters == 1 }
    try s.resize(to: 2)
    await #expect(throws: AffluxError.tooLarge) { try await waiter.value }
    #expect(s.statistics.impossible == 1)
    held.release()
    expectAtRest(s, permits: 2)
  }

  @Test func noPermitsUntilAResize() async throws {
    let s = try AsyncSemaphore(permits: 0)
    await #expect(throws: AffluxError.tooLarge) { try await s.withPermits {} }
    try s.resize(to: 1)
    try await s.withPermits {}
    #expect(throws: AffluxError.overflow) { try s.resize(by: -2) }
    expectAtRest(s, permits: 1)
  }

  @Test func aCloseEndsWhoWaitsAndRefusesWhoComes() async throws {
    let s = try AsyncSemaphore(permits: 2)
    let held = try s.tryAcquire(2)!.share()
    let waiters = (0..<100).map { _ in Task { try await s.withPermits {} } }
    await eventually { s.waiters == 100 }
    #expect(!s.isClosed)
    #expect(s.close())
    #expect(!s.close())
    #expect(s.isClosed)
    for waiter in waiters { await #expect(throws: AffluxError.closed) { try await waiter.value } }
    await #expect(throws: AffluxError.closed) { try await s.withPermits {} }
    #expect(throws: AffluxError.closed) { _ = try s.tryAcquire() }
    #expect(try s.health().reasons == .closed)
    #expect(s.statistics.closedOut == 100)
    #expect(held.release())
    expectAtRest(s, permits: 2)
  }

  @Test func idlenessIsWaitedFor() async throws {
    let s = try AsyncSemaphore(permits: 2)
    try await s.waitIdle()
    let held = try s.tryAcquire()!.share()
    await #expect(throws: AffluxError.timedOut) { try await s.waitIdle(timeout: .zero) }
    await #expect(throws: AffluxError.timedOut) { try await s.waitIdle(timeout: .milliseconds(2)) }
    let idle = Task { try await s.waitIdle() }
    let cancelled = Task { try await s.waitIdle() }
    cancelled.cancel()
    await #expect(throws: CancellationError.self) { try await cancelled.value }
    s.close()
    held.release()
    try await idle.value
    expectAtRest(s, permits: 2)
  }

  @Test func aTaskThatWaitsKeepsItsSemaphore() async throws {
    var s: AsyncSemaphore? = try AsyncSemaphore(permits: 1)
    weak var watched = s
    let held = try s!.tryAcquire()!.share()
    let waiter = Task { [s] in try await s!.withPermits {} }
    await eventually { watched!.waiters == 1 }
    s = nil
    held.release()
    try await waiter.value
  }
}
