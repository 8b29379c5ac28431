// error: it blocks a thread of the task pool
// SPDX-License-Identifier: MIT OR Apache-2.0
import Afflux

func run(_ semaphore: AsyncSemaphore) async throws {
  let permit = try semaphore.acquireBlocking()
  _ = permit.count
}
