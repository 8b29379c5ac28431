import Testing
import Afflux
@Test func smoke() async throws {
  let s = try AsyncSemaphore(permits: 2)
  let p = try await s.acquire()
  #expect(s.held == 1)
  p.release()
  #expect(!p.release())
  #expect(s.held == 0)
}
