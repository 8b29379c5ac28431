// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Compares the package with the semaphores that are usually written in Swift (Rivals.swift): actors
// that keep continuations. It prints a line of JSON for each row: "name", "ns" of one operation, the
// same of the "rival", its "rival_name", the "ratio" of both, and the "goal" for that. Times are
// medians of --rounds. Both take turns, so that what else the machine does meets both.

import Afflux

#if canImport(Darwin)
  import Darwin
#else
  import Glibc
#endif

/// One row: what it is called, how many operations a round has, and the two to compare.
struct Row: Sendable {
  let name: String
  let count: Int
  let goal: Double
  var rivalName = "actor with continuations"
  let mine: @Sendable (Int) async throws -> Void
  let rival: @Sendable (Int) async throws -> Void
}

func pairs() throws -> [Row] {
  let semaphore = try AsyncSemaphore(permits: 64)
  let actor = ActorSemaphore(permits: 64)
  return [
    Row(name: "swift_acquire_pair", count: 1_000_000, goal: 0.2) { n in
      for i in 0..<n {
        var permit = try await semaphore.acquire()
        work(i)
        permit.release()
      }
    } rival: { n in
      for i in 0..<n {
        await actor.acquire()
        work(i)
        await actor.release()
      }
    },
    Row(name: "swift_with_permits", count: 1_000_000, goal: 0.2) { n in
      for i in 0..<n { try await semaphore.withPermits { work(i) } }
    } rival: { n in
      for i in 0..<n {
        await actor.acquire()
        work(i)
        await actor.release()
      }
    },
  ]
}

/// Tasks that share permits. One operation is an acquire and its release. The holder yields, so that
/// the others queue meanwhile, and each permit is handed over to one that waits.
func contended(tasks: Int, permits: Int) throws -> [Row] {
  let semaphore = try AsyncSemaphore(permits: permits)
  let plain = ActorSemaphore(permits: permits)
  let cancellable = CancellableActorSemaphore(permits: permits)
  let name = "swift_contended_\(tasks)_tasks_\(permits)_permits"
  @Sendable func share(_ n: Int, _ once: @escaping @Sendable () async throws -> Void) async throws {
    try await withThrowingTaskGroup(of: Void.self) { group in
      for _ in 0..<tasks {
        group.addTask { for _ in 0..<(n / tasks) { try await once() } }
      }
      try await group.waitForAll()
    }
  }
  let mine: @Sendable (Int) async throws -> Void = { n in
    try await share(n) {
      var permit = try await semaphore.acquire()
      await Task.yield()
      permit.release()
    }
  }
  return [
    Row(name: name, count: 100_000, goal: 1, mine: mine) { n in
      try await share(n) {
        await plain.acquire()
        await Task.yield()
        await plain.release()
      }
    },
    Row(
      name: "\(name)_cancellable", count: 100_000, goal: 1,
      rivalName: "actor whose waits can be cancelled", mine: mine
    ) { n in
      try await share(n) {
        try await cancellable.acquire()
        await Task.yield()
        await cancellable.release()
      }
    },
  ]
}

/// A task waits for a permit that does not come, until it is cancelled.
func cancelled() throws -> Row {
  let semaphore = try AsyncSemaphore(permits: 1)
  let actor = CancellableActorSemaphore(permits: 0)
  let held = try semaphore.tryAcquire()!.share()
  @Sendable func cancel(_ n: Int, _ wait: @escaping @Sendable () async throws -> Void) async {
    for _ in 0..<n {
      let task = Task { try await wait() }
      await Task.yield()
      task.cancel()
      _ = await task.result
    }
  }
  return Row(
    name: "swift_wait_and_cancel", count: 20_000, goal: 1,
    rivalName: "actor whose waits can be cancelled"
  ) { n in
    await cancel(n) { _ = try await semaphore.acquire() }
    precondition(held.count == 1)
  } rival: { n in
    await cancel(n) { try await actor.acquire() }
  }
}

/// Stands for the work: without any between acquire and release the compiler need not leave the
/// actor there, as all real callers do.
@inline(never)
func work(_ i: Int) { precondition(i >= 0) }

/// Seconds: of the wall clock, or with --cpu what this process has used, which a busy machine blurs
/// less.
func now(cpu: Bool) -> Double {
  var t = timespec()
  clock_gettime(cpu ? CLOCK_PROCESS_CPUTIME_ID : CLOCK_MONOTONIC, &t)
  return Double(t.tv_sec) + Double(t.tv_nsec) / 1e9
}

func perOperation(
  _ n: Int, cpu: Bool, _ run: @Sendable (Int) async throws -> Void
) async rethrows -> Double {
  let begin = now(cpu: cpu)
  try await run(n)
  return (now(cpu: cpu) - begin) * 1e9 / Double(n)
}

func median(_ times: [Double]) -> Double { times.sorted()[times.count / 2] }

func rounded(_ x: Double) -> Double { (x * 1000).rounded() / 1000 }

@main
struct Bench {
  static func main() async throws {
    var rounds = 7
    let arguments = CommandLine.arguments
    if let at = arguments.firstIndex(of: "--rounds"), at + 1 < arguments.count {
      guard let n = Int(arguments[at + 1]), n > 0 else { fatalError("--rounds takes a number above 0") }
      rounds = n
    }
    let cpu = arguments.contains("--cpu")
    var rows = try pairs() + contended(tasks: 1_000, permits: 1) + contended(tasks: 1_000, permits: 50)
      + [cancelled()]
    if let at = arguments.firstIndex(of: "--only"), at + 1 < arguments.count {
      rows = rows.filter { $0.name == arguments[at + 1] }
    }
    for row in rows {
      try await row.mine(row.count / 10)
      try await row.rival(row.count / 10)
      var mine: [Double] = []
      var rival: [Double] = []
      for _ in 0..<rounds {
        mine.append(try await perOperation(row.count, cpu: cpu, row.mine))
        rival.append(try await perOperation(row.count, cpu: cpu, row.rival))
      }
      let (ns, other) = (median(mine), median(rival))
      print(
        """
        {"name":"\(row.name)","ns":\(rounded(ns)),"rival":\(rounded(other)),\
        "rival_name":"\(row.rivalName)","ratio":\(rounded(ns / other)),"goal":\(row.goal)}
        """)
      fflush(nil)
    }
  }
}
