// SPDX-License-Identifier: MIT OR Apache-2.0

import Afflux
import CAffluxShim
import Testing

#if canImport(Darwin)
  import Darwin
#else
  import Glibc
#endif

private typealias Tenant = AsyncSemaphore.Tenant

@Suite("Tenant", .timeLimit(.minutes(2)))
struct TenantTests {
  static let kinds = PermitTests.kinds.indices

  private func expectNothing(
    of tenants: Tenant..., sourceLocation: SourceLocation = #_sourceLocation
  ) {
    for tenant in tenants {
      let t = tenant.statistics
      #expect(t.held == 0 && t.waiters == 0, sourceLocation: sourceLocation)
    }
  }

  private func isInvalid(_ error: any Error) -> Bool {
    if case .invalidArgument = error as? AffluxError { true } else { false }
  }

  /// Tasks that wait, in this order.
  private func queue<Result: Sendable>(
    _ number: Int, of tenant: Tenant, _ body: @escaping @Sendable () async throws -> Result
  ) async -> [Task<Result, any Error>] {
    var tasks: [Task<Result, any Error>] = []
    for _ in 0..<number {
      let before = tenant.statistics.waiters
      tasks.append(Task { try await body() })
      await eventually { tenant.statistics.waiters == before + 1 }
    }
    return tasks
  }

  // MARK: Permits

  @Test func aTenantOfDefaults() throws {
    let s = try AsyncSemaphore(permits: 4)
    let tenant = try Tenant(s)
    #expect(tenant.name == "" && tenant.semaphore === s)
    #expect(tenant.share == Tenant.Share())
    let t = tenant.statistics
    #expect(t.share == tenant.share && t.held == 0 && t.waiters == 0 && t.holdTime == .zero)
    #expect(t.acquired == 0 && t.requests == 0 && t.permitSeconds == 0)
    let share = Tenant.Share(weight: 65_535, guaranteed: 3, cap: 7, maxWaiters: .max)
    let other = try Tenant(s, share, name: "rouge é")
    #expect(other.name == "rouge é" && other.share == share)
  }

  @Test(arguments: kinds)
  func aTokenKnowsItsTenant(_ kind: Int) async throws {
    let s = try AsyncSemaphore(PermitTests.kinds[kind])
    let (tenant, other) = (try Tenant(s), try Tenant(s))
    var permit = try await tenant.acquire(6, tag: "t")
    let isOf = permit.tenant === tenant && permit.semaphore === s
    #expect(isOf && tenant.statistics.held == 6 && other.statistics.held == 0 && s.held == 6)
    let (id, tag, heldFor) = (permit.id, permit.tag, permit.heldFor)
    #expect(id != nil && id != 0 && tag == "t" && heldFor! >= .zero)
    let part = try permit.split(2).share()
    #expect(part.tenant === tenant && part.count == 2 && part.tag == "t")
    #expect(part.release() && !part.release())
    #expect(tenant.statistics.held == 4)
    if PermitTests.kinds[kind].ledger > 0 { #expect(try s.holders().holders.map(\.permits) == [4]) }
    let (first, second) = (permit.release(), permit.release())
    #expect(first && !second)
    do {
      let ends = try await tenant.acquire(3)
      #expect(ends.count == 3)
    }
    let plain = try #require(try s.tryAcquire()?.share())
    #expect(plain.tenant == nil)
    plain.release()
    let t = tenant.statistics
    #expect(t.acquired == 9 && t.requests == 2 && t.waits == 0 && t.permitSeconds > 0)
    #expect(t.holdTime > .zero)
    expectNothing(of: tenant, other)
    expectAtRest(s, permits: 10)
  }

  @Test(arguments: kinds)
  func withPermitsGivesBackToTheTenant(_ kind: Int) async throws {
    struct Trouble: Error {}
    let s = try AsyncSemaphore(PermitTests.kinds[kind])
    let tenant = try Tenant(s)
    for tag in [nil, "t"] {
      let held = try await tenant.withPermits(4, tag: tag) { (tenant.statistics.held, s.held) }
      #expect(held == (4, 4))
      await #expect(throws: Trouble.self) {
        try await tenant.withPermits(tag: tag) { throw Trouble() }
      }
    }
    expectNothing(of: tenant)
    expectAtRest(s, permits: 10)
  }

  @Test func tries() async throws {
    let s = try AsyncSemaphore(permits: 4)
    let (tenant, other) = (try Tenant(s, .init(cap: 2)), try Tenant(s))
    let permit = try #require(try tenant.tryAcquire(2)?.share())
    #expect(try tenant.tryAcquire()?.share() == nil)  // by its cap
    let others = try #require(try other.tryAcquire(2)?.share())
    permit.release()
    #expect(try other.tryAcquire(3)?.share() == nil)
    #expect(throws: AffluxError.tooLarge) { _ = try tenant.tryAcquire(3) }
    #expect(throws: AffluxError.tooLarge) { _ = try other.tryAcquire(5) }
    #expect(tenant.statistics.tryFailed == 1 && other.statistics.tryFailed == 1)
    others.release()
    expectNothing(of: tenant, other)
    expectAtRest(s, permits: 4)
  }

  @Test func theCallersActorIsNotLeft() async throws {
    actor Owner {
      let s: AsyncSemaphore
      let tenant: AsyncSemaphore.Tenant
      init() throws {
        s = try AsyncSemaphore(permits: 1)
        tenant = try AsyncSemaphore.Tenant(s)
      }
      func use() async throws {
        var permit = try await tenant.acquire()
        assertIsolated()
        permit.release()
        try await tenant.withPermits { assertIsolated() }
      }
    }
    try await Owner().use()
  }

  // MARK: Whose turn it is

  @Test func aCappedTenantLeavesFreePermitsToOthers() async throws {
    let s = try AsyncSemaphore(permits: 10)
    let (capped, other) = (try Tenant(s, .init(cap: 3)), try Tenant(s))
    let held = try await capped.acquire(3).share()
    let tasks = await queue(20, of: capped) {
      try await capped.withPermits { #expect(capped.statistics.held <= 3) }
    }
    try await other.withPermits(2, timeout: .zero) {
      try await s.withPermits(4, timeout: .zero) { #expect(s.held == 9) }
    }
    #expect(capped.statistics.held == 3 && capped.statistics.waiters == 20)
    held.release()
    for task in tasks { try await task.value }
    #expect(capped.statistics.acquired == 23 && capped.statistics.waits == 20)
    expectNothing(of: capped, other)
    expectAtRest(s, permits: 10)
  }

  @Test func guaranteedPermitsComeFirst() async throws {
    let s = try AsyncSemaphore(permits: 4)
    let (greedy, owed) = (try Tenant(s, .init(weight: 1_000)), try Tenant(s, .init(guaranteed: 2)))
    var lent: [SharedPermit] = []
    for _ in 0..<4 { lent.append(try await greedy.acquire().share()) }
    let behind = await queue(10, of: greedy) { try await greedy.withPermits {} }
    let mine = await queue(3, of: owed) { try await owed.acquire().share() }
    for held in 1...2 {
      lent.removeLast().release()
      #expect(owed.statistics.held == held && greedy.statistics.waiters == 10)
    }
    #expect(owed.statistics.byGuarantee == 2)
    lent.removeAll()
    for task in mine { try await task.value.release() }
    for task in behind { try await task.value }
    expectNothing(of: greedy, owed)
    expectAtRest(s, permits: 4)
  }

  @Test func aQuietTenantDoesNotWaitBehindALoudOne() async throws {
    let s = try AsyncSemaphore(permits: 1)
    let (loud, quiet) = (try Tenant(s), try Tenant(s))
    let held = try await loud.acquire().share()
    let grants = Shared(0)
    let tasks = await queue(100, of: loud) {
      try await loud.withPermits { grants.change { $0 += 1 } }
    }
    let task = await queue(1, of: quiet) { try await quiet.withPermits { grants.now } }[0]
    held.release()
    #expect(try await task.value <= 2)
    for task in tasks { try await task.value }
    expectNothing(of: loud, quiet)
    expectAtRest(s, permits: 1)
  }

  @Test func requestsOfNoTenantHaveAWeightTogether() async throws {
    let s = try AsyncSemaphore(permits: 1)
    try s.setDefaultWeight(65_535)
    let tenant = try Tenant(s)
    let log = Log()
    let held = try await s.acquire().share()
    let tasks = await queue(10, of: tenant) { try await tenant.withPermits { log.add("tenant") } }
    var others: [Task<Void, any Error>] = []
    for i in 1...10 {
      others.append(Task { try await s.withPermits { log.add("none") } })
      await eventually { s.waiters == 10 + i }
    }
    held.release()
    for task in tasks + others { try await task.value }
    // At equal weights they would go by turns: 7 of 14.
    #expect(log.all.prefix(14).count { $0 == "none" } >= 9)
    expectNothing(of: tenant)
    expectAtRest(s, permits: 1)
  }

  @Test func prioritiesAreAmongATenantsOwn() async throws {
    let s = try AsyncSemaphore(permits: 1)
    let tenant = try Tenant(s)
    let log = Log()
    let held = try await tenant.acquire().share()
    var tasks: [Task<Void, any Error>] = []
    for priority in AsyncSemaphore.Priority.allCases {
      tasks += await queue(1, of: tenant) {
        try await tenant.withPermits(priority: priority) { log.add("\(priority)") }
      }
    }
    held.release()
    for task in tasks { try await task.value }
    #expect(log.all == ["critical", "high", "normal", "low"])
    expectAtRest(s, permits: 1)
  }

  // MARK: How requests end

  @Test func limitsOfAWait() async throws {
    let s = try AsyncSemaphore(permits: 1, strategy: .fail)
    let (tenant, other) = (try Tenant(s, .init(maxWaiters: 1)), try Tenant(s))
    let held = try await other.acquire().share()
    await #expect(throws: AffluxError.timedOut) { try await tenant.withPermits(timeout: .zero) {} }
    await #expect(throws: AffluxError.timedOut) {
      try await tenant.withPermits(timeout: .milliseconds(1)) {}
    }
    let waiting = await queue(1, of: tenant) { try await tenant.withPermits {} }
    await #expect(throws: AffluxError.rejected) { _ = try await tenant.acquire() }
    let others = await queue(2, of: other) { try await other.withPermits {} }  // no such limit
    held.release()
    for task in waiting + others { try await task.value }
    let t = tenant.statistics
    #expect(t.tryFailed == 1 && t.timedOut == 1 && t.rejected == 1 && t.waits == 1)
    #expect(t.longestWait >= .zero && t.waited >= t.longestWait)
    expectNothing(of: tenant, other)
    expectAtRest(s, permits: 1)
  }

  @Test func aCancelLosesNothing() async throws {
    let s = try AsyncSemaphore(permits: 2)
    let (tenant, other) = (try Tenant(s), try Tenant(s))
    var held = try await other.acquire(2)
    let waiter = await queue(1, of: tenant) { try await tenant.withPermits(2) {} }[0]
    waiter.cancel()
    await #expect(throws: CancellationError.self) { try await waiter.value }
    #expect(tenant.statistics.canceled == 1 && tenant.statistics.waiters == 0)
    held.release()
    await #expect(throws: CancellationError.self) {
      try await Task {
        withUnsafeCurrentTask { $0?.cancel() }
        try await tenant.withPermits { _ = Issue.record("a cancelled task has run the body") }
      }.value
    }
    #expect(tenant.statistics.requests == 0)
    expectNothing(of: tenant, other)
    expectAtRest(s, permits: 2)
  }

  @Test func aCancelRacedByAGrantLosesNoPermit() async throws {
    let s = try AsyncSemaphore(permits: 1)
    let tenant = try Tenant(s)
    for _ in 0..<500 {
      let held = try #require(try tenant.tryAcquire()?.share())
      let waiter = Task { try await tenant.withPermits {} }
      await eventually { tenant.statistics.waiters == 1 }
      let releaser = Task.detached { held.release() }
      waiter.cancel()
      _ = await waiter.result
      _ = await releaser.value
      expectNothing(of: tenant)
    }
    expectAtRest(s, permits: 1)
  }

  @Test func aCloseEndsWaits() async throws {
    let s = try AsyncSemaphore(permits: 2)
    let (tenant, other) = (try Tenant(s), try Tenant(s))
    var permit = try await tenant.acquire()
    let held = try await other.acquire().share()
    let tasks = await queue(3, of: tenant) { try await tenant.withPermits {} }
    let others = await queue(1, of: other) { try await other.withPermits {} }
    #expect(tenant.close())
    #expect(!tenant.close())
    for task in tasks {
      await #expect(throws: AffluxError.closed) { try await task.value }
    }
    await #expect(throws: AffluxError.closed) { _ = try await tenant.acquire() }
    #expect(throws: AffluxError.closed) { _ = try tenant.tryAcquire() }
    #expect(throws: AffluxError.closed) { try tenant.set(.init()) }
    #expect(tenant.statistics.ended == 3)
    permit.release()
    try await others[0].value
    held.release()
    try await s.withPermits(2) {}
    expectNothing(of: tenant, other)
    expectAtRest(s, permits: 2)
  }

  @Test func aClosedSemaphore() async throws {
    let s = try AsyncSemaphore(permits: 1)
    let tenant = try Tenant(s)
    let held = try await tenant.acquire().share()
    let task = await queue(1, of: tenant) { try await tenant.withPermits {} }[0]
    s.close()
    await #expect(throws: AffluxError.closed) { try await task.value }
    #expect(throws: AffluxError.closed) { try Tenant(s) }
    #expect(throws: AffluxError.closed) { try tenant.set(.init(weight: 2)) }
    #expect(throws: AffluxError.closed) { try s.setDefaultWeight(2) }
    held.release()
    expectNothing(of: tenant)
    expectAtRest(s, permits: 1)
  }

  // MARK: The share

  @Test func aShareChanges() async throws {
    let s = try AsyncSemaphore(permits: 6)
    let tenant = try Tenant(s, .init(weight: 2, guaranteed: 1, cap: 4, maxWaiters: 9))
    let held = try await tenant.acquire(4).share()
    let large = await queue(1, of: tenant) { try await tenant.withPermits(3) {} }[0]
    let small = await queue(1, of: tenant) { try await tenant.withPermits {} }[0]
    var share = tenant.share
    share.cap = 2
    share.weight = 5
    try tenant.set(share)
    await #expect(throws: AffluxError.tooLarge) { try await large.value }
    #expect(tenant.share == .init(weight: 5, guaranteed: 1, cap: 2, maxWaiters: 9))
    #expect(tenant.statistics.held == 4 && tenant.statistics.ended == 1)
    for wrong in [
      Tenant.Share(weight: 0), .init(weight: 65_536), .init(guaranteed: -1), .init(guaranteed: 3, cap: 2),
      .init(guaranteed: 1 << 42), .init(cap: 0), .init(cap: -1), .init(maxWaiters: 0),
    ] {
      #expect { try tenant.set(wrong) } throws: { isInvalid($0) }
      #expect { try Tenant(s, wrong) } throws: { isInvalid($0) }
    }
    #expect(tenant.share.weight == 5)
    try tenant.set(.init())  // no cap: there is room
    try await small.value
    held.release()
    expectNothing(of: tenant)
    expectAtRest(s, permits: 6)
  }

  @Test func wrongArguments() async throws {
    let s = try AsyncSemaphore(permits: 2)
    let tenant = try Tenant(s)
    #expect { try Tenant(s, name: "a\0b") } throws: { isInvalid($0) }
    for n in [0, -1, .min] {
      #expect { _ = try tenant.tryAcquire(n) } throws: { isInvalid($0) }
      await #expect { _ = try await tenant.acquire(n) } throws: { isInvalid($0) }
    }
    await #expect { try await tenant.withPermits(tag: "\0") {} } throws: { isInvalid($0) }
    await #expect { try await tenant.withPermits(estimatedSize: -1) {} } throws: { isInvalid($0) }
    await #expect { _ = try await tenant.acquire(timeout: .seconds(-1)) } throws: { isInvalid($0) }
    for weight in [0, -1, 65_536] {
      #expect { try s.setDefaultWeight(weight) } throws: { isInvalid($0) }
    }
    for options in [
      AsyncSemaphore.Options(permits: 1, fairness: .throughput), .init(permits: 1, shedding: .init()),
    ] {
      let unfit = try AsyncSemaphore(options)
      #expect(throws: AffluxError.notSupported) { try Tenant(unfit) }
      #expect(throws: AffluxError.notSupported) { try unfit.setDefaultWeight(1) }
    }
    expectNothing(of: tenant)
    expectAtRest(s, permits: 2)
  }

  // MARK: Threads

  @Test func threads() throws {
    let s = try AsyncSemaphore(permits: 2)
    let (tenant, other) = (try Tenant(s), try Tenant(s, .init(cap: 1)))
    let held = try tenant.tryAcquire(2)!.share()
    let thread = Thread {
      #expect(throws: AffluxError.timedOut) { _ = try other.acquireBlocking(timeout: .zero) }
      #expect(throws: AffluxError.timedOut) {
        _ = try other.acquireBlocking(priority: .high, timeout: .milliseconds(1))
      }
      #expect(throws: AffluxError.tooLarge) { _ = try other.acquireBlocking(2) }
      do {
        let permit = try other.acquireBlocking(estimatedSize: 3, tag: "thread").share()
        #expect(permit.tenant === other && permit.tag == "thread" && other.statistics.held == 1)
      } catch { Issue.record(error) }
      #expect(throws: AffluxError.closed) { _ = try other.acquireBlocking() }
    }
    while other.statistics.waiters != 1 || other.statistics.timedOut != 1 { usleep(100) }
    held.release()
    while other.statistics.acquired != 1 { usleep(100) }
    let all = try tenant.acquireBlocking(2).share()
    while other.statistics.waiters != 1 { usleep(100) }
    other.close()
    thread.join()
    all.release()
    expectNothing(of: tenant, other)
    expectAtRest(s, permits: 2)
  }

  // MARK: With a control

  @Test(arguments: kinds)
  func aControlSamplesPermitsOfATenant(_ kind: Int) async throws {
    let s = try AsyncSemaphore(PermitTests.kinds[kind])
    let tenant = try Tenant(s)
    let control = try AsyncSemaphore.Control(s, .init(algorithm: .aimd, min: 1))
    var permit = try await tenant.acquire(9)
    try await tenant.withPermits { control.measure { #expect(tenant.statistics.held == 10) } }
    #expect(s.limit == 11)
    let (first, second) = (try control.release(&permit, .dropped), try control.release(&permit))
    #expect(first && !second)
    #expect(control.statistics.served == 1 && control.statistics.dropped == 1 && s.limit == 9)
    expectNothing(of: tenant)
    expectAtRest(s, permits: 9)
  }

  // MARK: Memory

  @Test func theLastReferenceClosesATenant() async throws {
    let s = try AsyncSemaphore(permits: 4)
    weak var gone: Tenant?
    do {
      let tenant = try Tenant(s)
      gone = tenant
      try await tenant.acquire(2).forget()
    }
    #expect(gone == nil && s.held == 2)
    // They count as those of requests that name none.
    s.withHandle { #expect(afflux_sem_release($0, 2) == AFFLUX_OK) }

    let permit = try await Tenant(s).acquire().share()  // keeps it
    #expect(permit.tenant?.statistics.held == 1)
    let rest = try await s.acquire(3).share()
    let task = Task { try await Tenant(s).acquire().share() }
    await eventually { s.waiters == 1 }
    rest.release()
    #expect(try await task.value.tenant?.statistics.held == 1)
    permit.release()
    expectNothing(of: permit.tenant!)
  }

  @Test func aTenantKeepsItsSemaphore() async throws {
    let tenant = try Tenant(AsyncSemaphore(permits: 1, name: "kept"))
    try await tenant.withPermits { #expect(tenant.semaphore.held == 1) }
    #expect(tenant.semaphore.name == "kept")
  }

  @Test func otherLanguagesHaveTheSameTenant() async throws {
    let s = try AsyncSemaphore(permits: 2)
    let tenant = try Tenant(s, .init(cap: 1), name: "one")
    let same = tenant.withHandle { Tenant(retaining: $0, of: s) }
    let permit = try await same.acquire().share()
    #expect(permit.tenant === same && tenant.statistics == same.statistics && same.name == "one")
    #expect(try tenant.tryAcquire()?.share() == nil)
    let task = await queue(1, of: tenant) { try await tenant.withPermits {} }[0]
    // The token gives back what it held, but for what another has given back.
    #expect(same.withHandle { afflux_tenant_release($0, 1) } == AFFLUX_OK)
    try await task.value
    #expect(same.withHandle { afflux_tenant_release($0, 1) } == AFFLUX_EOVERFLOW)
    permit.release()
    expectNothing(of: tenant)
    #expect(s.held == 0)
  }

  // MARK: All at once

  @Test(arguments: kinds)
  func tasksOfManyTenants(_ kind: Int) async throws {
    let seed = seed()
    print("seed", seed)
    let s = try AsyncSemaphore(PermitTests.kinds[kind])
    let tenants = try (1...3).map { try Tenant(s, .init(weight: $0), name: "t\($0)") }
    let capped = try Tenant(s, .init(guaranteed: 1, cap: 3))
    let gauge = Gauge()
    await withTaskGroup(of: Void.self) { group in
      for i in 0..<40 {
        group.addTask {
          var random = Seeded(seed &+ UInt64(i))
          for _ in 0..<30 {
            let tenant = (tenants + [capped]).randomElement(using: &random)!
            let n = Int.random(in: 1...3, using: &random)
            let timeout: Duration? = Bool.random(using: &random) ? nil : .microseconds(200)
            do {
              try await tenant.withPermits(n, timeout: timeout) {
                gauge.enter(n)
                #expect(capped.statistics.held <= 3)
                await Task.yield()
                gauge.leave(n)
              }
              var permit = try await tenant.acquire(timeout: timeout)
              if Bool.random(using: &random) { permit.release() }
            } catch { #expect(error as? AffluxError == .timedOut) }
            if i == 0 {
              try? capped.set(.init(weight: n, guaranteed: 1, cap: 3))
              try? s.setDefaultWeight(n)
            }
            if i == 1 { try? await s.withPermits {} }
          }
        }
      }
    }
    #expect(gauge.peak <= 10)
    for tenant in tenants { expectNothing(of: tenant) }
    expectNothing(of: capped)
    expectAtRest(s, permits: 10)
  }
}
