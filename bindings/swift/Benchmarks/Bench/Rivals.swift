// SPDX-License-Identifier: MIT OR Apache-2.0

/// The rival: what most programs have. A task that waits in it cannot be cancelled. Its queue is an
/// array with an index, so that a long one costs it nothing.
actor ActorSemaphore {
  private var permits: Int
  private var waiters: [CheckedContinuation<Void, Never>?] = []
  private var first = 0

  init(permits: Int) { self.permits = permits }

  func acquire() async {
    if permits > 0 {
      permits -= 1
      return
    }
    await withCheckedContinuation { waiters.append($0) }
  }

  func release() {
    guard first < waiters.count else {
      permits += 1
      return
    }
    let next = waiters[first]
    waiters[first] = nil
    first += 1
    if first == waiters.count || first > 4096 {
      waiters.removeFirst(first)
      first = 0
    }
    next?.resume()
  }
}

/// The same with what this package promises, too: a task that is cancelled leaves the queue.
actor CancellableActorSemaphore {
  private typealias Waiter = (id: Int, continuation: CheckedContinuation<Void, any Error>)
  private var permits: Int
  private var waiters: [Waiter?] = []
  private var first = 0
  private var last = 0

  init(permits: Int) { self.permits = permits }

  func acquire() async throws {
    try Task.checkCancellation()
    if permits > 0 {
      permits -= 1
      return
    }
    last += 1
    let id = last
    try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation {
        (continuation: CheckedContinuation<Void, any Error>) in
        if Task.isCancelled {
          continuation.resume(throwing: CancellationError())
        } else {
          waiters.append((id, continuation))
        }
      }
    } onCancel: {
      Task { await self.cancel(id) }
    }
  }

  func release() {
    while first < waiters.count {
      let next = waiters[first]
      waiters[first] = nil
      first += 1
      if first == waiters.count || first > 4096 {
        waiters.removeFirst(first)
        first = 0
      }
      if let next {
        next.continuation.resume()
        return
      }
    }
    permits += 1
  }

  private func cancel(_ id: Int) {
    guard let place = waiters.firstIndex(where: { $0?.id == id }) else { return }
    waiters.remove(at: place)?.continuation.resume(throwing: CancellationError())
  }
}
