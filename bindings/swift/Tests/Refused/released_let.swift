// error: cannot use mutating member on immutable value
// SPDX-License-Identifier: MIT OR Apache-2.0
import Afflux

func run(_ semaphore: AsyncSemaphore) async throws {
  let permit = try await semaphore.acquire()
  permit.release()
}
