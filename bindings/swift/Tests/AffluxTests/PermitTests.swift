// SPDX-License-Identifier: MIT OR Apache-2.0

import Afflux
import Testing

@Suite("Permit", .timeLimit(.minutes(2)))
struct PermitTests {
  /// Tokens without and with a line in the ledger.
  static let kinds: [AsyncSemaphore.Options] = [
    .init(permits: 10), .init(permits: 10, ledger: 16), .init(permits: 10, statistics: .full),
    .init(permits: 10, statistics: .off),
  ]

  @Test(arguments: kinds.indices)
  func aReleaseIsDoneOnce(_ kind: Int) async throws {
    let s = try AsyncSemaphore(Self.kinds[kind])
    var permit = try await s.acquire(4)
    let whose = permit.semaphore === s
    #expect(whose)
    #expect(s.held == 4)
    let (first, second) = (permit.release(), permit.release())
    #expect(first && !second)
    let left = permit.count
    #expect(left == 0)
    expectAtRest(s, permits: 10)
  }

  @Test(arguments: kinds.indices)
  func theEndOfATokenReleasesIt(_ kind: Int) async throws {
    let s = try AsyncSemaphore(Self.kinds[kind])
    do {
      let permit = try await s.acquire(4)
      #expect(s.held == 4)
      _ = permit.count
    }
    #expect(s.held == 0)
    _ = try await s.acquire(2)
    #expect(s.held == 0)
    do {
      let shared = try await s.acquire(3).share()
      let other = shared
      #expect(other.count == 3)
    }
    expectAtRest(s, permits: 10)
  }

  @Test(arguments: kinds.indices)
  func aTokenLastsUntilTheEndOfItsScope(_ kind: Int) async throws {
    let s = try AsyncSemaphore(Self.kinds[kind])
    func held() -> Int { s.held }
    do {
      let permit = try await s.acquire(4)
      _ = permit.count
      #expect(held() == 4)
      await Task.yield()
      #expect(held() == 4)
    }
    #expect(held() == 0)
    do {
      var permit = try await s.acquire(3)
      defer { permit.release() }
      await Task.yield()
      #expect(held() == 3)
    }
    expectAtRest(s, permits: 10)
  }

  @Test(arguments: kinds.indices)
  func anUnwrappedTokenLastsAndOneThatNobodyKeepsEnds(_ kind: Int) throws {
    let s = try AsyncSemaphore(Self.kinds[kind])
    func held() -> Int { s.held }
    if let permit = try s.tryAcquire(4) {
      _ = permit.count
      #expect(held() == 4)
    }
    #expect(held() == 0)
    do {
      guard let permit = try s.tryAcquire(1...3) else { return }
      _ = permit.count
      #expect(held() == 3)
    }
    #expect(held() == 0)
    _ = try s.tryAcquire()
    #expect(held() == 0)
    expectAtRest(s, permits: 10)
  }

  @Test(arguments: kinds.indices)
  func partsAreReleasedByThemselves(_ kind: Int) async throws {
    let s = try AsyncSemaphore(Self.kinds[kind])
    var whole = try await s.acquire(5, tag: kind == 0 ? nil : "whole")
    do {
      let part = try whole.split(2)
      let counts = (whole.count, part.count)
      #expect(counts == (3, 2))
      let tag = part.tag
      #expect(tag == (kind == 0 ? nil : "whole"))
      let ids = (whole.id, part.id)
      #expect(kind == 0 || ids.0 != ids.1)
    }
    #expect(s.held == 3)
    for bad in [0, -1, 3, 4, Int.max, Int.min] {
      let error = failure(of: &whole, bad)
      #expect(error?.status == AffluxError.invalidArgument("").status, "\(bad) of 3")
    }
    whole.release()
    let error = failure(of: &whole, 1)
    #expect(error == .already)
    expectAtRest(s, permits: 10)
  }

  private func failure(of permit: inout Permit, _ permits: Int) -> AffluxError? {
    do {
      _ = try permit.split(permits)
      return nil
    } catch { return error }
  }

  @Test(arguments: kinds.indices)
  func whatIsForgottenStaysHeld(_ kind: Int) async throws {
    let s = try AsyncSemaphore(Self.kinds[kind])
    let permit = try await s.acquire(4)
    permit.forget()
    #expect(s.held == 4 && s.available == 6)
    if Self.kinds[kind].statistics != .off { expectLaws(s) }
  }

  @Test func aTagBringsANumberAndAHoldTime() async throws {
    let s = try AsyncSemaphore(permits: 10)
    var plain = try await s.acquire()
    let nothing = plain.id == nil && plain.tag == nil && plain.heldFor == nil
    #expect(nothing)
    plain.release()
    var tagged = try await s.acquire(tag: "upload")
    var other = try #require(try s.tryAcquire(tag: "download")?.share())
    let (tag, id) = (tagged.tag, tagged.id)
    #expect(tag == "upload" && other.tag == "download")
    #expect(id != nil && other.id != nil && id != other.id)
    let before = tagged.heldFor!
    let after = tagged.heldFor!
    #expect(before >= .zero && after >= before)
    tagged.release()
    let ended = (tagged.heldFor, tagged.id, tagged.tag)
    #expect(ended == (.zero, 0, "upload"))
    other = try await s.acquire(tag: "third").share()
    #expect(s.held == 1)
    other.release()
    expectAtRest(s, permits: 10)
  }

  @Test func theLedgerKnowsItsHolders() async throws {
    let s = try AsyncSemaphore(.init(permits: 10, ledger: 8))
    let first = try await s.acquire(2, tag: "first").share()
    await eventually { first.heldFor! > .milliseconds(1) }
    let second = try await s.acquire(3).share()
    await eventually { second.heldFor! > .milliseconds(1) }
    let (holders, untold) = try s.holders()
    #expect(untold == 0)
    #expect(holders.map(\.id) == [first.id, second.id])
    #expect(holders.map(\.permits) == [2, 3])
    #expect(holders.map(\.tag) == ["first", nil])
    try await s.withPermits(tag: "third") {
      let tags = try s.holders().holders.map(\.tag)
      #expect(tags == ["first", nil, "third"])
    }
    first.release()
    #expect(try s.holders().holders.map(\.id) == [second.id])
    second.release()
    #expect(try s.holders().holders.isEmpty)
    expectAtRest(s, permits: 10)
    #expect(throws: AffluxError.notSupported) { _ = try AsyncSemaphore(permits: 1).holders() }
  }

  @Test func manyOwnersReleaseOnce() async throws {
    let s = try AsyncSemaphore(permits: 3)
    for _ in 0..<300 {
      let permit = try await s.acquire(3).share()
      let done = await withTaskGroup(of: Bool.self) { group in
        for _ in 0..<4 { group.addTask { permit.release() } }
        return await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
      }
      #expect(done == 1)
      #expect(s.available == 3)
    }
    expectAtRest(s, permits: 3)
  }

  @Test func aTokenKeepsItsSemaphore() async throws {
    var s: AsyncSemaphore? = try AsyncSemaphore(permits: 1)
    weak var watched = s
    var permit = try await s!.acquire()
    s = nil
    #expect(watched != nil)
    #expect(watched?.held == 1)
    permit.release()
    #expect(watched?.held == 0)
    _ = consume permit
    #expect(watched == nil)
    s = try AsyncSemaphore(permits: 1)
    watched = s
    let last = try await s!.acquire()
    s = nil
    #expect(watched?.held == 1)
    _ = consume last
    #expect(watched == nil)
  }
}
