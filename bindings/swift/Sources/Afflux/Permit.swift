// SPDX-License-Identifier: MIT OR Apache-2.0

internal import CAffluxShim
internal import Synchronization

/// Permits that are held, with an owner.
///
/// They go back by ``release()``, or when the token ends: at the end of the scope that owns it, say.
/// It cannot be copied, so it needs no allocation; ``share()`` makes an object of it where one is to
/// be kept in a collection, be a task's result, or be released by one of several owners. It keeps its
/// semaphore alive.
///
/// A token that nobody keeps ends at once, and gives its permits back: `_ = try await s.acquire()`
/// holds nothing.
///
/// A token has an ``id``, a ``tag`` and a hold time (``heldFor``) if it was acquired with a tag or for a
/// tenant (``AsyncSemaphore/Tenant``), or its semaphore has a ledger, full statistics or a control
/// (``AsyncSemaphore/Control``). That is an allocation, and reads the clock; without it these are `nil`.
public struct Permit: ~Copyable, Sendable {
  /// Whose permits these are.
  public let semaphore: AsyncSemaphore
  // Permits, 0 once they have been given back. With a token of the library's: unused.
  @usableFromInline var left: UInt64
  @usableFromInline let token: Token?

  /// Permits that the caller holds become a token's.
  @inlinable @inline(__always)
  init(_ semaphore: AsyncSemaphore, _ n: UInt64, _ tag: String?) {
    self.semaphore = semaphore
    left = n
    token = semaphore.keepsHoldTimes || tag != nil ? Token.adopt(semaphore, n, tag) : nil
  }

  init(_ semaphore: AsyncSemaphore, _ n: UInt64, token: Token?) {
    self.semaphore = semaphore
    left = n
    self.token = token
  }

  @inlinable
  deinit {
    // The library's own token gives them back at its own end.
    if left != 0 && token == nil {
      AsyncSemaphore.give(left, to: semaphore.handle, semaphore.block)
      withExtendedLifetime(semaphore) {}
    }
  }

  /// Gives the permits back, and completes the requests that now fit.
  ///
  /// - Returns: Whether this call did it; `false`: it was done before.
  @inlinable @discardableResult
  public mutating func release() -> Bool {
    if token != nil { return releaseToken() }
    let n = left
    if n == 0 { return false }
    left = 0
    AsyncSemaphore.give(n, to: semaphore.handle, semaphore.block)
    withExtendedLifetime(semaphore) {}
    return true
  }

  @usableFromInline @inline(never)
  func releaseToken() -> Bool { token!.release() }

  /// Permits that the token holds, 0 after ``release()``.
  public var count: Int {
    if let token { return token.count }
    return Int(left)
  }

  /// The token's number, unique in the process, never 0, and the one in
  /// ``AsyncSemaphore/holders()``; 0 after ``release()``. `nil`: it has none.
  public var id: UInt64? { token?.id }

  /// The tag given when the permits were acquired.
  public var tag: String? { token?.tag }

  /// The tenant whose permits these are; `nil`: no tenant's.
  public var tenant: AsyncSemaphore.Tenant? { token?.tenant }

  /// How long the permits have been held; zero after ``release()``. `nil`: that is not kept.
  public var heldFor: Duration? { token?.heldFor }

  /// Moves some of the permits into a new token, with an id of its own and the same tag and time.
  ///
  /// - Parameter permits: 1 … ``count`` − 1.
  /// - Throws: ``AffluxError/invalidArgument(_:)``, ``AffluxError/already`` after ``release()``.
  public mutating func split(_ permits: Int) throws(AffluxError) -> Permit {
    let held = count
    if held == 0 { throw .already }
    guard permits >= 1 && permits < held else {
      throw .invalidArgument("permits must be 1 … \(held - 1), one less than held, not \(permits)")
    }
    let n = UInt64(permits)
    if let token {
      return Permit(semaphore, n, token: try token.split(n))
    }
    left -= n
    return Permit(semaphore, n, token: nil)
  }

  /// Gives the permits up without giving them back: they stay counted as held, by their tenant too. Fewer
  /// may be held at once from now on, until ``AsyncSemaphore/resize(by:)`` makes up for them.
  public consuming func forget() {
    token?.forget()
    left = 0
  }

  /// An object that owns the permits, for collections and several owners.
  public consuming func share() -> SharedPermit { SharedPermit(self) }
}

/// A ``Permit`` as an object: it can be kept in a collection, and any number of tasks and threads may
/// call it at once. The permits go back by ``release()``, or with its last owner.
public final class SharedPermit: Sendable {
  /// Whose permits these are.
  public let semaphore: AsyncSemaphore
  // As in Permit.
  private let left: Atomic<UInt64>
  let token: Token?

  /// Owns the permits of a token.
  public init(_ permit: consuming Permit) {
    semaphore = permit.semaphore
    token = permit.token
    left = Atomic(permit.left)
    permit.left = 0  // its end gives back nothing
  }

  deinit { release() }

  /// Gives the permits back, and completes the requests that now fit.
  ///
  /// - Returns: Whether this call did it; `false`: it was done before. Of several at once exactly one
  ///   does.
  @discardableResult
  public func release() -> Bool {
    if let token { return token.release() }
    let n = left.exchange(0, ordering: .acquiringAndReleasing)
    if n == 0 { return false }
    AsyncSemaphore.give(n, to: semaphore.handle, semaphore.block)
    withExtendedLifetime(semaphore) {}
    return true
  }

  /// As ``Permit/count``.
  public var count: Int { token?.count ?? Int(left.load(ordering: .relaxed)) }
  /// As ``Permit/id``.
  public var id: UInt64? { token?.id }
  /// As ``Permit/tag``.
  public var tag: String? { token?.tag }
  /// As ``Permit/tenant``.
  public var tenant: AsyncSemaphore.Tenant? { token?.tenant }
  /// As ``Permit/heldFor``.
  public var heldFor: Duration? { token?.heldFor }
}

/// A token of the C library's, at an address that stays: it has a line in the ledger, its hold time goes
/// into the histogram, and it knows its tenant.
///
/// Sendable: the library's tokens may be used by any number of threads at once.
@usableFromInline
final class Token: Sendable {
  nonisolated(unsafe) private let token: UnsafeMutablePointer<afflux_permit_token>
  nonisolated(unsafe) private let handle: OpaquePointer
  let tag: String?
  let tenant: AsyncSemaphore.Tenant?

  /// One with permits that the caller holds. Not an initializer: that takes its arguments over, and a
  /// token that is none would have a reference to the semaphore counted for it.
  @usableFromInline @inline(never)
  static func adopt(_ semaphore: AsyncSemaphore, _ n: UInt64, _ tag: String?) -> Token {
    let made = Token(semaphore.handle, tag)
    // Fails only where another language has given back what it did not hold: the token is empty then.
    _ = withCString(tag) { afflux_permit_adopt_tagged(made.handle, n, $0, made.token) }
    return made
  }

  /// The same with permits that the tenant holds.
  static func adopt(_ tenant: AsyncSemaphore.Tenant, _ n: UInt64, _ tag: String?) -> Token {
    let made = Token(tenant.semaphore.handle, tag, tenant)
    _ = withCString(tag) { afflux_tenant_adopt(tenant.handle, n, $0, made.token) }
    return made
  }

  /// Blocks the thread until the request, which names the tenant, has got its permits.
  static func acquire(
    for tenant: AsyncSemaphore.Tenant, _ request: afflux_request, _ tag: String?
  ) throws(AffluxError) -> Token {
    let made = Token(tenant.semaphore.handle, tag, tenant)
    var request = request
    try check(
      withCString(tag) {
        request.tag = $0
        return afflux_sem_acquire_permit(made.handle, &request, request.timeout_ns, made.token)
      })
    return made
  }

  /// An empty one.
  private init(
    _ handle: OpaquePointer, _ tag: String?, _ tenant: AsyncSemaphore.Tenant? = nil
  ) {
    self.handle = handle
    self.tag = tag
    self.tenant = tenant
    token = .allocate(capacity: 1)
    token.initialize(to: afflux_permit_token())
  }

  deinit {
    release()
    token.deallocate()
  }

  @usableFromInline @inline(never) @discardableResult
  func release() -> Bool {
    afflux_swift_releases(handle)
    return afflux_permit_release(token) != AFFLUX_EALREADY
  }
  func release(to control: OpaquePointer, _ outcome: UInt32) -> Int32 {
    afflux_swift_releases(handle)
    return afflux_control_release(control, token, outcome)
  }
  func forget() { _ = afflux_permit_forget(token) }
  var count: Int { Int(afflux_permit_count(token)) }
  var id: UInt64 { afflux_permit_id(token) }
  var heldFor: Duration { .nanoseconds(afflux_permit_held_ns(token)) }

  func split(_ n: UInt64) throws(AffluxError) -> Token {
    let other = Token(handle, tag, tenant)
    try check(afflux_permit_split(token, n, other.token))
    return other
  }
}
