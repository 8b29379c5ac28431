// SPDX-License-Identifier: MIT OR Apache-2.0

import Afflux
import Testing

@Suite("Cancel", .timeLimit(.minutes(2)))
struct CancelTests {
  @Test func aWaitingTaskLeavesTheQueue() async throws {
    let s = try AsyncSemaphore(permits: 1)
    var held = try await s.acquire()
    let waiter = Task { try await s.withPermits {} }
    await eventually { s.waiters == 1 }
    waiter.cancel()
    await #expect(throws: CancellationError.self) { try await waiter.value }
    #expect(s.waiters == 0)
    #expect(s.statistics.canceled == 1)
    held.release()
    expectAtRest(s, permits: 1)
  }

  @Test func aTaskThatIsCancelledAlreadyGetsNoPermits() async throws {
    let s = try AsyncSemaphore(permits: 1)
    for isFree in [true, false] {
      let held = isFree ? nil : try s.tryAcquire()?.share()
      let begun = Shared(false)
      let task = Task {
        while !Task.isCancelled { await Task.yield() }
        begun.change { $0 = true }
        var permit = try await s.acquire()
        permit.release()
      }
      task.cancel()
      await #expect(throws: CancellationError.self) { try await task.value }
      #expect(begun.now)
      #expect(s.held == (isFree ? 0 : 1))
      #expect(s.statistics.queued == 0)
      held?.release()
    }
    await #expect(throws: CancellationError.self) {
      try await Task {
        withUnsafeCurrentTask { $0?.cancel() }
        try await s.withPermits { _ = Issue.record("a cancelled task has run the body") }
      }.value
    }
    expectAtRest(s, permits: 1)
  }

  @Test func aTaskThatWasGrantedKeepsItsPermits() async throws {
    let s = try AsyncSemaphore(permits: 1)
    let isHeld = Shared(false)
    let task = Task {
      let permit = try await s.acquire()
      isHeld.change { $0 = true }
      while !Task.isCancelled { await Task.yield() }
      #expect(permit.count == 1 && s.held == 1)
    }
    await eventually { isHeld.now }
    task.cancel()
    try await task.value
    expectAtRest(s, permits: 1)
  }

  @Test func theCancelOfAGroupLeavesNothing() async throws {
    let s = try AsyncSemaphore(permits: 1)
    var held = try await s.acquire()
    await withTaskGroup(of: Bool.self) { group in
      for _ in 0..<1_000 {
        group.addTask {
          do {
            try await s.withPermits {}
            return false
          } catch { return error is CancellationError }
        }
      }
      await eventually { s.waiters == 1_000 }
      group.cancelAll()
      for await wasCancelled in group { #expect(wasCancelled) }
    }
    #expect(s.statistics.canceled == 1_000)
    held.release()
    expectAtRest(s, permits: 1)
  }

  /// The cancel and the release that grants come from two tasks at the same moment.
  @Test func aCancelRacedByAGrantLosesNoPermit() async throws {
    let s = try AsyncSemaphore(permits: 1)
    var granted = 0
    var cancelled = 0
    for _ in 0..<2_000 {
      let held = try #require(try s.tryAcquire()?.share())
      let waiter = Task { try await s.withPermits {} }
      await eventually { s.waiters == 1 }
      let releaser = Task.detached { held.release() }
      waiter.cancel()
      switch await waiter.result {
      case .success: granted += 1
      case .failure(let error):
        #expect(error is CancellationError)
        cancelled += 1
      }
      _ = await releaser.value
      #expect(s.available == 1)
    }
    #expect(granted + cancelled == 2_000)
    let t = s.statistics
    #expect(t.granted == granted && t.canceled == cancelled)
    expectAtRest(s, permits: 1)
  }

  /// The task is cancelled at any moment of its call: before it, while it queues, and after.
  @Test func aCancelWhileTheRequestQueuesLosesNoPermit() async throws {
    let s = try AsyncSemaphore(permits: 1)
    for _ in 0..<2_000 {
      let held = try #require(try s.tryAcquire()?.share())
      let waiter = Task.detached { try await s.withPermits {} }
      let canceller = Task.detached { waiter.cancel() }
      await canceller.value
      held.release()
      switch await waiter.result {
      case .success: break
      case .failure(let error): #expect(error is CancellationError)
      }
      #expect(s.available == 1)
    }
    expectAtRest(s, permits: 1)
  }

  /// No permit comes: only the cancel can end the wait, at whatever moment of the call it is.
  @Test func aCancelAtAnyMomentEndsTheWait() async throws {
    let s = try AsyncSemaphore(permits: 1)
    let held = try #require(try s.tryAcquire()?.share())
    for i in 0..<10_000 {
      let waiter = Task { try await s.withPermits {} }
      for _ in 0..<(i % 3) { await Task.yield() }
      waiter.cancel()
      let result = await waiter.result
      #expect(throws: CancellationError.self) { try result.get() }
    }
    // Some tasks have not begun, some are about to queue, some wait.
    for i in 0..<100 {
      await withTaskGroup(of: Void.self) { group in
        for _ in 0..<200 { group.addTask { try? await s.withPermits {} } }
        for _ in 0..<(i % 10) { await Task.yield() }
        group.cancelAll()
      }
    }
    #expect(s.waiters == 0)
    held.release()
    expectAtRest(s, permits: 1)
  }

  enum Outcome: Sendable { case served, cancelled, timedOut, rejected }

  @Test(arguments: AsyncSemaphore.Strategy.allCases)
  func thousandsOfTasksConserveThePermits(_ strategy: AsyncSemaphore.Strategy) async throws {
    let seed = seed()
    let limit = 7
    let s = try AsyncSemaphore(
      .init(permits: limit, strategy: strategy, maxWaiters: strategy == .suspend ? nil : 40))
    let gauge = Gauge()
    let outcomes = Shared<[Outcome: Int]>([:])
    let count = 4_000
    var random = Seeded(seed)
    await withTaskGroup(of: Void.self) { group in
      for _ in 0..<count {
        let n = Int.random(in: 1...4, using: &random)
        let priority = AsyncSemaphore.Priority(rawValue: UInt32.random(in: 0...3, using: &random))!
        let timeout: Duration? =
          Int.random(in: 0..<4, using: &random) == 0
          ? .microseconds(Int.random(in: 0...3_000, using: &random)) : nil
        let cancelAfter = Int.random(in: 0..<3, using: &random) == 0
          ? Int.random(in: 0...20, using: &random) : nil
        let hold = Int.random(in: 0...3, using: &random)
        group.addTask {
          let work = Task {
            try await s.withPermits(n, priority: priority, estimatedSize: 1, timeout: timeout) {
              gauge.enter(n)
              for _ in 0..<hold { await Task.yield() }
              gauge.leave(n)
            }
          }
          if let cancelAfter {
            for _ in 0..<cancelAfter { await Task.yield() }
            work.cancel()
          }
          let outcome: Outcome
          switch await work.result {
          case .success: outcome = .served
          case .failure(is CancellationError): outcome = .cancelled
          case .failure(AffluxError.timedOut): outcome = .timedOut
          case .failure(AffluxError.rejected): outcome = .rejected
          case .failure(let error):
            Issue.record("\(error), seed \(seed)")
            return
          }
          outcomes.change { $0[outcome, default: 0] += 1 }
        }
      }
    }
    let seen = outcomes.now
    #expect(seen.values.reduce(0, +) == count, "seed \(seed)")
    #expect(gauge.peak <= limit, "seed \(seed)")
    let t = s.statistics
    #expect(t.requestsFast + t.granted == seen[.served, default: 0], "seed \(seed)")
    #expect(t.rejected + t.dropped == seen[.rejected, default: 0], "seed \(seed)")
    #expect(t.timedOut + t.tryFailed == seen[.timedOut, default: 0], "seed \(seed)")
    // Those that were cancelled before they queued are not in it.
    #expect(t.canceled <= seen[.cancelled, default: 0], "seed \(seed)")
    if strategy == .suspend { #expect(seen[.rejected] == nil, "seed \(seed)") }
    expectAtRest(s, permits: limit)
  }
}
