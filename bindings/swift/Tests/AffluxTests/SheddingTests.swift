// SPDX-License-Identifier: MIT OR Apache-2.0

import Afflux
import Testing

/// Who has waited too long is refused.
@Suite("Shedding", .timeLimit(.minutes(2)))
struct SheddingTests {
  typealias Shedding = AsyncSemaphore.Shedding
  static let short = Duration.milliseconds(1)

  private func isInvalid(_ error: any Error) -> Bool {
    if case .invalidArgument = error as? AffluxError { true } else { false }
  }

  /// Comes back when all who wait have waited for longer.
  func growOld(_ s: AsyncSemaphore, _ time: Duration = short) async {
    let enough = s.statistics.oldestWait + time + Self.short
    await eventually { s.statistics.oldestWait > enough }
  }

  /// Tasks that wait, in the order of their names.
  func queue(_ s: AsyncSemaphore, _ names: [String], _ log: Log) async -> [Task<Void, any Error>] {
    var tasks: [Task<Void, any Error>] = []
    for name in names {
      let before = s.statistics.queued
      tasks.append(Task { try await s.withPermits(priority: .normal) { log.add(name) } })
      await eventually { s.statistics.queued > before }
    }
    return tasks
  }

  @Test func whoHasWaitedTooLongIsShed() async throws {
    let s = try AsyncSemaphore(
      .init(permits: 1, shedding: Shedding(target: Self.short, interval: Self.short)))
    let held = try s.tryAcquire()!.share()
    let log = Log()
    let tasks = (0..<3).map { _ in
      Task { try await s.withPermits(priority: .normal) { log.add("served") } }
    }
    await eventually { s.statistics.queued == 3 }
    await growOld(s)
    held.release()  // sheds before it grants
    for task in tasks { await #expect(throws: AffluxError.rejected) { try await task.value } }
    let t = s.statistics
    #expect(t.shed == 3 && t.dropped == 3 && t.granted == 0 && t.rejected == 0)
    #expect(log.all.isEmpty)
    try await s.withPermits {}  // what is free is free
    expectAtRest(s, permits: 1)
  }

  @Test func aThreadIsShed() async throws {
    let s = try AsyncSemaphore(
      .init(permits: 1, shedding: Shedding(target: Self.short, interval: Self.short)))
    let held = try s.tryAcquire()!.share()
    let thread = Thread {
      #expect(throws: AffluxError.rejected) { _ = try s.acquireBlocking() }
    }
    await eventually { s.waiters == 1 }
    await growOld(s)
    held.release()
    thread.join()
    #expect(s.statistics.shed == 1)
    expectAtRest(s, permits: 1)
  }

  @Test func aBurstIsServed() async throws {
    // A queue that does not stand yet has the interval, not the target.
    let s = try AsyncSemaphore(
      .init(permits: 1, shedding: Shedding(target: .nanoseconds(1), interval: .seconds(3600))))
    let held = try s.tryAcquire()!.share()
    let tasks = await queue(s, ["a", "b", "c"], Log())
    await growOld(s)
    held.release()
    for task in tasks { try await task.value }
    #expect(s.statistics.shed == 0)
    #expect(s.statistics.granted == 3)
    expectAtRest(s, permits: 1)
  }

  @Test func theNewestGoesFirstWhileTheQueueStands() async throws {
    let patience = Duration.milliseconds(50)
    var first: String?
    while first == nil {  // where the machine is so busy that even the newest grows old, once more
      let s = try AsyncSemaphore(
        .init(permits: 1, shedding: .init(target: patience, interval: patience, adaptiveLIFO: true)))
      let held = try s.tryAcquire()!.share()
      let log = Log()
      let old = await queue(s, ["old"], log)
      await growOld(s, patience)
      let young = await queue(s, ["middle", "newest"], log)
      await #expect(throws: AffluxError.rejected) { try await old[0].value }
      held.release()
      _ = await young[0].result
      if case .success = await young[1].result { first = log.all.first }
      expectAtRest(s, permits: 1)
    }
    #expect(first == "newest")
  }

  @Test func optionsThatSayNothingAreRefused() throws {
    for wrong in [
      Shedding(target: .zero), Shedding(target: .milliseconds(-1)), Shedding(target: .seconds(1)),
      Shedding(interval: .zero), Shedding(target: .milliseconds(-2), interval: .milliseconds(-1)),
    ] {
      #expect { try AsyncSemaphore(.init(permits: 1, shedding: wrong)) } throws: { isInvalid($0) }
    }
    let newestFirst = Shedding(adaptiveLIFO: true)
    #expect {
      try AsyncSemaphore(.init(permits: 1, fairness: .throughput, shedding: newestFirst))
    } throws: {
      isInvalid($0)
    }
    let long = Duration.seconds(Int64.max)
    _ = try AsyncSemaphore(.init(permits: 1, shedding: .init(target: long, interval: long)))
  }
}
