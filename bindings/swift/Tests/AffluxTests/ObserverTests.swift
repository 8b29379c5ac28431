// SPDX-License-Identifier: MIT OR Apache-2.0

import Afflux
import Testing

@Suite("Observers and input", .timeLimit(.minutes(2)))
struct ObserverTests {
  @Test func theVersionIsTheLibrarys() {
    #expect(affluxVersion.split(separator: ".").count == 3)
    #expect(affluxVersion.hasPrefix("0.1."))
  }

  @Test func badOptionsAreNamed() {
    func refused(_ options: AsyncSemaphore.Options) -> String? {
      do {
        _ = try AsyncSemaphore(options)
        return nil
      } catch {
        guard case .invalidArgument(let what) = error else { return nil }
        return what
      }
    }
    #expect(refused(.init(permits: -1)) == "permits must be 0 … 4398046511103, not -1")
    #expect(refused(.init(permits: 1 << 42)) != nil)
    #expect(refused(.init(permits: (1 << 42) - 1)) == nil)
    #expect(refused(.init(permits: 1, maxWaiters: 0)) == "maxWaiters must be 1 or more, not 0")
    #expect(refused(.init(permits: 1, maxQueueBytes: -5)) != nil)
    #expect(refused(.init(permits: 1, waiterTimeout: .zero)) == "waiterTimeout must be above zero")
    #expect(refused(.init(permits: 1, waiterTimeout: .seconds(-1))) != nil)
    #expect(refused(.init(permits: 1, ledger: 65_537)) != nil)
    #expect(refused(.init(permits: 1, ledger: -1)) != nil)
  }

  @Test func badRequestsAreRefusedAndTakeNothing() async throws {
    let s = try AsyncSemaphore(permits: 2)
    @Sendable func isInvalid(_ error: any Error) -> Bool {
      if case AffluxError.invalidArgument = error { true } else { false }
    }
    for n in [0, -1, Int.min] {
      await #expect { _ = try await s.acquire(n) } throws: { isInvalid($0) }
      await #expect { try await s.withPermits(n) {} } throws: { isInvalid($0) }
      #expect { _ = try s.tryAcquire(n) } throws: { isInvalid($0) }
      #expect { _ = try s.tryAcquire(n...5) } throws: { isInvalid($0) }
      try onAThread { #expect { _ = try s.acquireBlocking(n) } throws: { isInvalid($0) } }
    }
    for n in [3, 1 << 42, Int.max] {
      await #expect(throws: AffluxError.tooLarge) { _ = try await s.acquire(n) }
      #expect(throws: AffluxError.tooLarge) { _ = try s.tryAcquire(n) }
    }
    await #expect { _ = try await s.acquire(estimatedSize: -1) } throws: { isInvalid($0) }
    await #expect { _ = try await s.acquire(timeout: .nanoseconds(-1)) } throws: { isInvalid($0) }
    await #expect { try await s.waitIdle(timeout: .seconds(-1)) } throws: { isInvalid($0) }
    #expect { try s.resize(to: -1) } throws: { isInvalid($0) }
    #expect { try s.resize(to: 1 << 42) } throws: { isInvalid($0) }
    #expect(throws: AffluxError.overflow) { try s.resize(by: .max) }
    #expect { try s.health(.init(maxWaiters: -1)) } throws: { isInvalid($0) }
    await #expect { _ = try await s.acquire(tag: "a\0b") } throws: { isInvalid($0) }
    await #expect { _ = try await s.acquire(tag: "\0", isolation: nil) } throws: { isInvalid($0) }
    await #expect { try await s.withPermits(tag: "\0") {} } throws: { isInvalid($0) }
    #expect { _ = try s.tryAcquire(tag: "\0") } throws: { isInvalid($0) }
    #expect { _ = try s.tryAcquire(1...2, tag: "\0") } throws: { isInvalid($0) }
    try onAThread { #expect { _ = try s.acquireBlocking(tag: "\0") } throws: { isInvalid($0) } }
    #expect { _ = try AsyncSemaphore(permits: 1, name: "\0") } throws: { isInvalid($0) }
    // Too long for nanoseconds: for ever.
    try await s.withPermits(timeout: .seconds(Int64.max)) {}
    expectAtRest(s, permits: 2)
  }

  @Test func errorsHaveTheLibrarysStatusAndText() {
    let all: [AffluxError] = [
      .wouldBlock, .timedOut, .canceled, .closed, .rejected, .already, .invalidArgument("x"),
      .overflow, .busy, .outOfMemory, .notSupported, .system(errno: 5), .tooLarge,
    ]
    #expect(all.map(\.status) == (1...13).map { Int32(-$0) })
    #expect(Set(all.map(\.description)).count == all.count)
    #expect(AffluxError.invalidArgument("x").description == "afflux: x")
    #expect(AffluxError.unknown(status: -99).status == -99)
  }

  @Test func timesAreRecordedInFull() async throws {
    let s = try AsyncSemaphore(.init(permits: 1, statistics: .full))
    let held = try s.tryAcquire()!.share()
    let waiter = Task { try await s.withPermits {} }
    await eventually { s.waiters == 1 }
    await eventually { s.statistics.oldestWait > .milliseconds(2) }
    held.release()
    try await waiter.value
    let waits = try s.waitTimes()
    #expect(waits.count == 1)
    #expect(waits.max > .milliseconds(1))
    #expect(waits.quantile(0.5) > .milliseconds(1) && waits.quantile(1) <= waits.max)
    #expect(waits.sum >= waits.max)
    let holds = try s.holdTimes()
    #expect(holds.count == 2)
    #expect(s.statistics.longestHold == holds.max)
    #expect(s.statistics.longestWait == waits.max)
    #expect(s.statistics.peakWaiters == 1)
    #expect(throws: AffluxError.notSupported) { _ = try AsyncSemaphore(permits: 1).waitTimes() }
    expectAtRest(s, permits: 1)
  }

  @Test func healthTellsWhatIsTooMuch() async throws {
    let s = try AsyncSemaphore(permits: 1)
    #expect(try s.health().isHealthy)
    let held = try s.tryAcquire()!.share()
    let waiters = (0..<2).map { _ in Task { try await s.withPermits(estimatedSize: 10) {} } }
    await eventually { s.waiters == 2 }
    let health = try s.health(.init(maxWaiters: 1, maxQueueBytes: 19, maxWait: .zero))
    #expect(health.reasons.isSuperset(of: [.waiters, .queueBytes]))
    #expect(!health.isHealthy && health.waiters == 2 && health.queueBytes == 20)
    #expect(try s.health(.init(maxWaiters: 2, maxQueueBytes: 20)).isHealthy)
    // Nothing comes back: a standstill begins with the first call that sees it.
    _ = try s.health(.init(maxStandstill: .zero))
    await eventually {
      (try? s.health(.init(maxStandstill: .zero)).reasons.contains(.standstill)) ?? false
    }
    held.release()
    for waiter in waiters { try await waiter.value }
    #expect(try s.health().isHealthy)
    expectAtRest(s, permits: 1)
  }
}

/// Runs it on a thread of its own, and waits for that.
func onAThread(_ run: @escaping @Sendable () -> Void) throws {
  Thread(run).join()
}
