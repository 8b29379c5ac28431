// SPDX-License-Identifier: MIT OR Apache-2.0

import Afflux
import CAffluxShim
import Testing

/// Limits that move by what they are told. AIMD does so at once, and always alike.
@Suite("Control", .timeLimit(.minutes(2)))
struct ControlTests {
  typealias Control = AsyncSemaphore.Control

  /// A semaphore in full use.
  func full(_ permits: Int) throws -> AsyncSemaphore {
    let s = try AsyncSemaphore(permits: permits)
    try s.tryAcquire(permits)!.forget()
    return s
  }

  func aimd(
    _ s: AsyncSemaphore, min: Int? = 1, max: Int? = nil, timeout: Duration? = .seconds(5),
    onChange: (@Sendable (Control.Change) -> Void)? = nil
  ) throws -> Control {
    try Control(s, .init(algorithm: .aimd, min: min, max: max, timeout: timeout), onChange: onChange)
  }

  // MARK: The limit moves

  @Test func goodRequestsRaiseTheLimitAndDropsLowerIt() throws {
    let s = try full(10)
    let told = Shared<[Control.Change]>([])
    let control = try aimd(s, min: 8, max: 12) { change in told.change { $0.append(change) } }
    for _ in 0..<3 { try control.sample(.milliseconds(1)) }
    #expect(s.limit == 12)
    try control.sample(.milliseconds(1), .ignored)
    for _ in 0..<5 { try control.sample(.zero, .dropped) }
    #expect(s.limit == 8)
    #expect(told.now.map(\.before) == [10, 11, 12, 10, 9])
    #expect(told.now.map(\.after) == [11, 12, 10, 9, 8])
    #expect(told.now.map(\.reason) == [.room, .room, .drops, .drops, .drops])
    #expect("\(told.now[0].reason)" == "latency shows no queue")
    let t = control.statistics
    #expect(t.algorithm == .aimd && !t.isPaused && t.decision == .kept && t.reason == .min)
    #expect(t.limit == 8 && t.min == 8 && t.max == 12 && t.center == 8)
    #expect(t.served == 3 && t.dropped == 5 && t.ignored == 1 && t.missed == 0)
    #expect(t.windows == 8 && t.raised == 2 && t.lowered == 3)
    #expect(t.windowServed == 0 && t.windowDropped == 1 && t.windowThroughput == 0)
    #expect(t.windowInFlight == 10)
    #expect(s.held == 10)  // nothing was revoked
    #expect(s.statistics.resizes == 5)
  }

  @Test func whatIsHardlyUsedIsNotJudged() throws {
    let s = try AsyncSemaphore(permits: 10)
    let control = try aimd(s)
    try control.sample(.milliseconds(2))
    let t = control.statistics
    #expect(s.limit == 10 && t.decision == .kept && t.reason == .unused)
    #expect(t.windowServed == 1 && t.windowLatency == .milliseconds(2) && t.windowThroughput > 0)
    #expect(t.windowLength > .zero)
  }

  @Test func growthLetsInThoseThatWait() async throws {
    let s = try full(2)
    let control = try aimd(s)
    let waiter = Task { try await s.acquire().share() }
    await eventually { s.waiters == 1 }
    try control.sample(.zero)
    let permit = try await waiter.value
    #expect(s.held == 3)
    permit.release()
    expectLaws(s)
  }

  @Test func aShrinkEndsRequestsForMoreThanTheLimit() async throws {
    let s = try full(8)
    let control = try aimd(s)
    let waiter = Task { try await s.withPermits(8) {} }
    await eventually { s.waiters == 1 }
    try control.sample(.zero, .dropped)
    await #expect(throws: AffluxError.tooLarge) { try await waiter.value }
    #expect(s.limit == 7)
  }

  @Test func aSlowRequestIsADrop() throws {
    for (timeout, limit) in [
      (Duration.milliseconds(500), 9), (.seconds(700), 11), (.seconds(Int64.max), 11), (nil, 11),
    ] {
      let s = try full(10)
      try aimd(s, timeout: timeout).sample(.seconds(600))
      #expect(s.limit == limit)
    }
    let s = try full(10)
    try Control(s, .init(algorithm: .aimd, min: 1)).sample(.milliseconds(5_001))  // by default 5 s
    #expect(s.limit == 9)
    try aimd(full(10)).sample(.seconds(Int64.max))  // more than its nanoseconds hold
  }

  @Test(arguments: Control.Algorithm.allCases)
  func eachAlgorithmKeepsWithinItsBounds(_ algorithm: Control.Algorithm) throws {
    let s = try AsyncSemaphore(permits: 3_000)
    let told = Shared<[Int]>([])
    let options = Control.Options(
      algorithm: algorithm, min: 4, max: 60, initial: 50, seed: .max, probeInterval: nil)
    let control = try Control(s, options) { change in told.change { $0.append(change.after) } }
    #expect(s.limit == (algorithm == .gradient ? 4 : 50))
    #expect(told.now == [s.limit])
    try s.tryAcquire(4)!.forget()
    for i in 0..<500 {
      try control.sample(.zero, i % 7 == 0 ? .dropped : .served)
      #expect((4...60).contains(s.limit))
    }
    let t = control.statistics
    #expect(t.algorithm == algorithm && t.windows > 0 && t.served + t.dropped == 500)
    #expect(told.now.count == t.raised + t.lowered && told.now.last == s.limit)
  }

  @Test func algorithmsHaveNames() {
    let names = Control.Algorithm.allCases.map(\.name)
    #expect(names == ["default", "aimd", "vegas", "gradient2", "gradient"])
    #expect(names.map { Control.Algorithm(name: $0) } == Control.Algorithm.allCases)
    for wrong in ["", "AIMD", "codel", "aimd\0"] { #expect(Control.Algorithm(name: wrong) == nil) }
    #expect(Set((UInt32(0)...9).map { "\(Control.Reason(rawValue: $0))" }).count == 10)
    #expect("\(Control.Reason(rawValue: 99))" == "unknown reason")
  }

  @Test func aWindowOfTimeIsNotOverWithEachSample() throws {
    let control = try Control(full(10), .init(algorithm: .gradient2, min: 1, window: .seconds(3_600)))
    for _ in 0..<100 { try control.sample(.milliseconds(1)) }
    #expect(control.statistics.windows == 1)  // the first ends with its first sample
    #expect(control.statistics.served == 100)
  }

  // MARK: Tokens

  @Test(arguments: PermitTests.kinds.indices)
  func theHoldTimeOfATokenIsItsSample(_ kind: Int) async throws {
    let s = try AsyncSemaphore(PermitTests.kinds[kind])
    let control = try aimd(s, max: 20)
    var permit = try await s.acquire(6)
    while permit.heldFor! < .milliseconds(1) { await Task.yield() }
    let first = try control.release(&permit)
    let second = try control.release(&permit, .dropped)
    let third = permit.release()
    #expect(first && !second && !third)
    let t = control.statistics
    #expect(t.served == 1 && t.dropped == 0 && t.windows == 1)
    #expect(t.windowLatency >= .milliseconds(1) && t.windowInFlight == 6)
    expectAtRest(s, permits: 11)
    // What ends by itself is no sample.
    do { _ = try await s.acquire(4) }
    try await s.withPermits {}
    #expect(control.statistics.served == 1)
    let shared = try #require(try s.tryAcquire(1...11)?.share())
    #expect(try control.release(shared, .dropped))
    #expect(try !control.release(shared))
    #expect(!shared.release())
    expectAtRest(s, permits: 9)
  }

  @Test func partsOfATokenAreSamples() async throws {
    let s = try AsyncSemaphore(permits: 4)
    let control = try aimd(s, max: 4)
    var whole = try await s.acquire(4)
    var part = try whole.split(1)
    try control.release(&part, .ignored)
    #expect(s.held == 3)
    try control.release(&whole, .ignored)
    #expect(control.statistics.ignored == 2)
    expectAtRest(s, permits: 4)
  }

  @Test func aTokenThatTheControlCannotTakeKeepsItsPermits() async throws {
    let (s, other) = (try AsyncSemaphore(permits: 9), try AsyncSemaphore(permits: 9))
    var old = try await s.acquire(2)
    let control = try aimd(s)
    let others = try aimd(other)
    let foreign = try await other.acquire(3).share()
    #expect { try control.release(foreign) } throws: { isInvalid($0) }
    do {
      try control.release(&old)
      Issue.record("a token without a hold time was released")
    } catch { #expect(isInvalid(error)) }
    #expect(s.held == 2 && other.held == 3)
    old.release()
    let again = try control.release(&old)
    #expect(!again)
    #expect(try others.release(foreign))
    #expect(control.statistics.served == 0 && others.statistics.served == 1)
    expectAtRest(s, permits: 9)
  }

  @Test func ofManyOwnersOneIsCounted() async throws {
    let s = try AsyncSemaphore(permits: 3)
    let control = try aimd(s, min: 3, max: 3)
    for _ in 0..<100 {
      let permit = try await s.acquire(3).share()
      let done = await withTaskGroup(of: Bool.self) { group in
        for _ in 0..<4 { group.addTask { (try? control.release(permit)) == true } }
        return await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
      }
      #expect(done == 1)
    }
    #expect(control.statistics.served == 100)
    expectAtRest(s, permits: 3)
  }

  // MARK: Closures

  struct Overload: Error {}
  struct Trouble: Error {}

  func work(_ error: (any Error)? = nil) async throws -> String {
    await Task.yield()
    if let error { throw error }
    return "page"
  }

  @Test func aClosureIsASample() async throws {
    let s = try AsyncSemaphore(permits: 4)
    let control = try aimd(s)
    let result = try await s.withPermits(4) { try await control.measure { try await work() } }
    #expect(result == "page" && s.limit == 5)
    await #expect(throws: Trouble.self) { try await control.measure { try await work(Trouble()) } }
    await #expect(throws: CancellationError.self) {
      try await control.measure { try await work(CancellationError()) }
    }
    #expect(control.statistics.ignored == 2 && s.limit == 5)
    await #expect(throws: AffluxError.timedOut) {
      try await control.measure { try await work(AffluxError.timedOut) }
    }
    await #expect(throws: Overload.self) {
      try await control.measure(droppedIf: { $0 is Overload }) { try await work(Overload()) }
    }
    await #expect(throws: AffluxError.timedOut) {
      try await control.measure(droppedIf: { $0 is Overload }) {
        try await work(AffluxError.timedOut)
      }
    }
    let t = control.statistics
    #expect(t.served == 1 && t.dropped == 2 && t.ignored == 3)
    #expect(s.limit == 3)
    expectAtRest(s, permits: 3)
  }

  @Test func theTimeOfAClosureIsItsLatency() async throws {
    let control = try aimd(AsyncSemaphore(permits: 4))
    let clock = SuspendingClock()
    await control.measure {
      let begin = clock.now
      while clock.now - begin < .milliseconds(1) { await Task.yield() }
    }
    #expect(control.statistics.windowLatency >= .milliseconds(1))
  }

  @Test func threadsMeasure() throws {
    let s = try AsyncSemaphore(permits: 4)
    let control = try aimd(s)
    Thread {
      let result = control.measure { 5 }
      #expect(result == 5)
      #expect(throws: Overload.self) {
        try control.measure(droppedIf: { $0 is Overload }) { throw Overload() }
      }
      #expect(throws: Trouble.self) { try control.measure { throw Trouble() } }
    }.join()
    let t = control.statistics
    #expect(t.served == 1 && t.dropped == 1 && t.ignored == 1)
  }

  actor Counter {
    var count = 0
    func work(_ s: AsyncSemaphore, _ control: Control) async throws -> Int {
      try await s.withPermits {
        await control.measure {
          await Task.yield()
          count += 1  // on this actor
          return count
        }
      }
    }
  }

  @Test func actorsMeasure() async throws {
    let s = try AsyncSemaphore(permits: 2)
    let control = try aimd(s, min: 2, max: 2)
    let counter = Counter()
    try await withThrowingTaskGroup(of: Int.self) { group in
      for _ in 0..<100 { group.addTask { try await counter.work(s, control) } }
      try await group.waitForAll()
    }
    #expect(await counter.count == 100)
    #expect(control.statistics.served == 100)
    expectAtRest(s, permits: 2)
  }

  // MARK: Errors

  func isInvalid(_ error: any Error) -> Bool {
    if case AffluxError.invalidArgument = error { true } else { false }
  }

  @Test func oneControlAtATime() throws {
    let s = try full(10)
    var control: Control? = try aimd(s)
    #expect(throws: AffluxError.busy) { _ = try aimd(s) }
    try control!.sample(.zero)
    control = nil
    #expect(s.limit == 11)  // it stays
    try aimd(s).sample(.zero)
    #expect(s.limit == 12)
  }

  @Test func badOptionsAreNamed() throws {
    let s = try AsyncSemaphore(permits: 10)
    func refused(_ options: Control.Options) -> String? {
      do {
        _ = try Control(s, options)
        return nil
      } catch {
        guard case .invalidArgument(let what) = error else { return "\(error)" }
        return what
      }
    }
    #expect(refused(.init(min: 0)) == "min must be 1 … 4398046511103, not 0")
    #expect(refused(.init(max: 1 << 42))?.hasPrefix("max must be") == true)
    #expect(refused(.init(initial: -1))?.hasPrefix("initial must be") == true)
    let contradiction = "min is above max, or initial is not within them"
    #expect(refused(.init(min: 5, max: 4)) == contradiction)
    #expect(refused(.init(min: 6, initial: 5)) == contradiction)
    #expect(refused(.init(max: 6, initial: 7)) == contradiction)
    #expect(refused(.init(window: .zero)) == "window must be above zero")
    #expect(refused(.init(timeout: .seconds(-1)))?.hasPrefix("timeout must not be negative") == true)
    #expect(refused(.init(probeInterval: .zero)) == "probeInterval must be above zero")
    #expect(s.limit == 10 && s.statistics.resizes == 0)
    let id = try s.tryAcquire()!.share().id
    #expect(id == nil)  // as before
    #expect(refused(.init(max: (1 << 42) - 1, seed: 0)) == nil)
  }

  @Test func aNegativeLatencyIsRefused() throws {
    let control = try aimd(full(10))
    #expect { try control.sample(.nanoseconds(-1)) } throws: { isInvalid($0) }
    #expect(control.statistics.served == 0)
  }

  @Test func aClosedSemaphoreIsStillCountedFor() async throws {
    let s = try AsyncSemaphore(permits: 10)
    var control: Control? = try aimd(s)
    var permit = try await s.acquire()
    s.close()
    try control!.release(&permit, .dropped)
    try control!.sample(.zero)
    #expect(control!.statistics.dropped == 1 && control!.statistics.served == 1)
    control = nil
    #expect(throws: AffluxError.closed) { _ = try aimd(s) }
  }

  // MARK: Pauses

  @Test func aPauseLeavesTheLimitAlone() throws {
    let s = try full(10)
    let control = try aimd(s)
    #expect(!control.resume())
    #expect(control.pause())
    #expect(!control.pause())
    for _ in 0..<5 { try control.sample(.zero) }
    var t = control.statistics
    #expect(t.isPaused && t.limit == 10 && t.served == 5 && t.windows == 0)
    #expect(control.resume())
    #expect(!control.resume())
    try control.sample(.zero)
    t = control.statistics
    #expect(!t.isPaused && t.limit == 11)
  }

  // MARK: Being told, and memory

  @Test func whatIsToldMayCallAnything() throws {
    let s = try full(10)
    let kept = Shared<Control?>(nil)
    let seen = Log()
    kept.change {
      $0 = try? aimd(s) { change in
        var control: Control?
        kept.change { swap(&control, &$0) }
        try? control!.sample(.zero)  // is counted, and ends no window now
        seen.add("\(change.after) \(s.limit) \(control!.statistics.limit)")
        _ = control!.pause()
        _ = control!.resume()
        control = nil  // the last reference but that of the call that is running
      }
    }
    try kept.now!.sample(.zero)
    #expect(seen.all == ["11 11 11"])
    _ = try aimd(s)  // the first has gone
  }

  final class Watched: Sendable {}

  @Test func aControlKeepsWhatItNeeds() throws {
    var s: AsyncSemaphore? = try full(10)
    weak var semaphore = s
    var object: Watched? = Watched()
    weak var watched = object
    var control: Control? = try aimd(s!) { [object] _ in withExtendedLifetime(object) {} }
    s = nil
    object = nil
    try control!.sample(.zero)
    #expect(watched != nil && semaphore?.limit == 11 && semaphore?.isClosed == false)
    control = nil
    #expect(watched == nil && semaphore == nil)
    #expect(throws: AffluxError.closed) {
      let s = try full(10)
      s.close()
      _ = try aimd(s) { _ in }
    }
  }

  @Test func otherLanguagesShareIt() throws {
    let s = try full(10)
    let told = Log()
    var object: Watched? = Watched()
    weak var watched = object
    var control: Control? = try aimd(s) { [object] change in
      withExtendedLifetime(object) { told.add("\(change.after)") }
    }
    object = nil
    let handle = control!.withHandle { afflux_control_ref($0)! }
    #expect(afflux_control_sample(handle, 1_000, 0) == AFFLUX_OK)
    var other: Control? = Control(retaining: handle, of: s)
    try other!.sample(.zero, .dropped)
    #expect(other!.statistics == control!.statistics)
    #expect(other!.semaphore === s)
    control = nil
    #expect(watched == nil)
    try other!.sample(.zero)  // none is there to be told
    #expect(told.all == ["11", "9"] && s.limit == 10)
    other = nil
    #expect(throws: AffluxError.busy) { _ = try aimd(s) }
    afflux_control_unref(handle)
    _ = try aimd(s)
  }

  // MARK: At once

  @Test func manyTellIt() throws {
    let s = try AsyncSemaphore(permits: 8)
    // Not guarded: changes are told one at a time.
    final class Changes: @unchecked Sendable { var all: [Control.Change] = [] }
    let changes = Changes()
    let control = try aimd(s, min: 2, max: 30) { changes.all.append($0) }
    let threads = (1...4).map { thread in
      Thread {
        var random = Seeded(UInt64(thread))
        for i in 0..<500 {
          var permit = try! s.acquireBlocking()
          try! control.release(&permit, random.next() % 10 == 0 ? .dropped : .served)
          try! control.sample(.nanoseconds(i))
          if i % 100 == 0 {
            control.pause()
            control.resume()
            _ = control.statistics
          }
        }
      }
    }
    for thread in threads { thread.join() }
    let t = control.statistics
    #expect(t.served + t.dropped == 4_000 && t.ignored == 0)
    #expect(changes.all.count == t.raised + t.lowered && !changes.all.isEmpty)
    #expect(zip(changes.all, changes.all.dropFirst()).allSatisfy { $0.after == $1.before })
    #expect(changes.all.last?.after == s.limit)
    expectAtRest(s, permits: s.limit)
  }
}
