// SPDX-License-Identifier: MIT OR Apache-2.0

import Afflux
import Testing

#if canImport(Darwin)
  import Darwin
#else
  import Glibc
#endif

@Suite("Threads and tasks", .timeLimit(.minutes(2)))
struct ThreadTests {
  @Test func aThreadWaitsForATaskAndATaskForAThread() async throws {
    let s = try AsyncSemaphore(permits: 1)
    var held = try await s.acquire()
    let threadHas = Shared(false)
    let mayEnd = Shared(false)
    let thread = Thread {
      var permit = try! s.acquireBlocking()
      threadHas.change { $0 = true }
      while !mayEnd.now { usleep(100) }
      permit.release()
    }
    await eventually { s.waiters == 1 }
    held.release()
    await eventually { threadHas.now }
    let waiter = Task { try await s.withPermits {} }
    await eventually { s.waiters == 1 }
    mayEnd.change { $0 = true }
    try await waiter.value
    thread.join()
    expectAtRest(s, permits: 1)
  }

  @Test func blockingCallsTimeOutAndKeepTheirPriority() throws {
    let s = try AsyncSemaphore(.init(permits: 1, strategy: .fail, maxQueueBytes: 10))
    let held = try s.tryAcquire()!.share()
    try onAThread {
      #expect(throws: AffluxError.timedOut) { _ = try s.acquireBlocking(timeout: .milliseconds(2)) }
      #expect(throws: AffluxError.timedOut) { _ = try s.acquireBlocking(timeout: .zero) }
      #expect(throws: AffluxError.timedOut) {
        _ = try s.acquireBlocking(priority: .high, timeout: .milliseconds(2))
      }
      #expect(throws: AffluxError.rejected) { _ = try s.acquireBlocking(estimatedSize: 11) }
    }
    let log = Log()
    let low = Thread {
      let permit = try! s.acquireBlocking(priority: .low)
      log.add("low \(permit.count)")
    }
    while s.waiters != 1 { usleep(100) }
    let high = Thread {
      let permit = try! s.acquireBlocking(priority: .high, estimatedSize: 3, tag: "high")
      log.add("high \(permit.count)")
    }
    while s.waiters != 2 { usleep(100) }
    held.release()
    low.join()
    high.join()
    #expect(log.all == ["high 1", "low 1"])
    expectAtRest(s, permits: 1)
  }

  @Test func threadsAndTasksShareOneQueue() async throws {
    let s = try AsyncSemaphore(permits: 3)
    let gauge = Gauge()
    let seed = seed()
    let threads = (0..<4).map { thread in
      Thread {
        var random = Seeded(seed &+ UInt64(thread))
        for _ in 0..<500 {
          let n = Int.random(in: 1...3, using: &random)
          var permit = try! s.acquireBlocking(n)
          gauge.enter(n)
          gauge.leave(n)
          permit.release()
        }
      }
    }
    try await withThrowingTaskGroup(of: Void.self) { group in
      for i in 0..<1_000 {
        let n = 1 + i % 3
        group.addTask {
          try await s.withPermits(n) {
            gauge.enter(n)
            await Task.yield()
            gauge.leave(n)
          }
        }
      }
      try await group.waitForAll()
    }
    threads.forEach { $0.join() }
    #expect(gauge.peak <= 3, "seed \(seed)")
    let t = s.statistics
    #expect(t.requestsFast + t.granted == 3_000, "seed \(seed)")
    expectAtRest(s, permits: 3)
  }

  @Test func whatAPermitOrdersIsSeen() async throws {
    // A plain variable that only the holder of the one permit touches.
    final class Counter: Sendable { nonisolated(unsafe) var value = 0 }
    let s = try AsyncSemaphore(permits: 1)
    let counter = Counter()
    let thread = Thread {
      for _ in 0..<1_000 {
        var permit = try! s.acquireBlocking()
        counter.value += 1
        permit.release()
      }
    }
    try await withThrowingTaskGroup(of: Void.self) { group in
      for _ in 0..<4 {
        group.addTask {
          for _ in 0..<500 { try await s.withPermits { counter.value += 1 } }
        }
      }
      try await group.waitForAll()
    }
    thread.join()
    #expect(counter.value == 3_000)
    expectAtRest(s, permits: 1)
  }

  @Test func anotherLanguagesHandleIsTheSameSemaphore() async throws {
    let s = try AsyncSemaphore(permits: 2, name: "shared")
    let other = s.withHandle { AsyncSemaphore(retaining: $0) }
    #expect(other.name == "shared")
    let held = try await other.acquire(2, tag: "other").share()
    #expect(s.held == 2)
    let waiter = Task { try await s.withPermits {} }
    await eventually { other.waiters == 1 }
    held.release()
    try await waiter.value
    expectAtRest(other, permits: 2)
  }
}
