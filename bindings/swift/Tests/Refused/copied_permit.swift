// error: consumed more than once
// SPDX-License-Identifier: MIT OR Apache-2.0
import Afflux

func run(_ semaphore: AsyncSemaphore) async throws -> [SharedPermit] {
  let permit = try await semaphore.acquire()
  return [permit.share(), permit.share()]
}
