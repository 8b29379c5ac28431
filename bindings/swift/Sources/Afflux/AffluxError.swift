// SPDX-License-Identifier: MIT OR Apache-2.0

internal import CAffluxShim

/// Why a call of this package failed. A call that fails has changed nothing, and holds nothing.
///
/// A task that is cancelled gets Swift's own `CancellationError` instead.
public enum AffluxError: Error, Sendable, Hashable {
  /// It would have to wait.
  case wouldBlock
  /// The time ran out.
  case timedOut
  /// Cancelled by other means than the task's cancellation.
  case canceled
  /// The semaphore is closed, or the tenant (``AsyncSemaphore/Tenant``).
  case closed
  /// The ``AsyncSemaphore/Strategy`` has refused or dropped the request at a queue limit, it was beyond
  /// the tenant's ``AsyncSemaphore/Tenant/Share/maxWaiters``, or it was shed
  /// (``AsyncSemaphore/Shedding``).
  case rejected
  /// Too late, or done before.
  case already
  /// An argument is out of its range; the text says which one.
  case invalidArgument(String)
  /// More than is held, or a number too large.
  case overflow
  /// In use.
  case busy
  /// No memory.
  case outOfMemory
  /// Not supported by this library, build or system.
  case notSupported
  /// An operating-system call failed, with this `errno`.
  case system(errno: Int32)
  /// More permits than the limit, or than the tenant's ``AsyncSemaphore/Tenant/Share/cap``: the request
  /// could never be served.
  case tooLarge
  /// A status that this version of the package does not know.
  case unknown(status: Int32)

  /// The error for a status of the C library that is not `AFFLUX_OK`. On the thread that got it.
  init(status: Int32) {
    switch Int(status) {
    case AFFLUX_EAGAIN: self = .wouldBlock
    case AFFLUX_ETIMEDOUT: self = .timedOut
    case AFFLUX_ECANCELED: self = .canceled
    case AFFLUX_ECLOSED: self = .closed
    case AFFLUX_EREJECTED: self = .rejected
    case AFFLUX_EALREADY: self = .already
    case AFFLUX_EINVAL: self = .invalidArgument("an argument is out of its range")
    case AFFLUX_EOVERFLOW: self = .overflow
    case AFFLUX_EBUSY: self = .busy
    case AFFLUX_ENOMEM: self = .outOfMemory
    case AFFLUX_ENOTSUP: self = .notSupported
    case AFFLUX_EOS: self = .system(errno: afflux_last_os_error())
    case AFFLUX_E2BIG: self = .tooLarge
    default: self = .unknown(status: status)
    }
  }

  /// The C library's status, `AFFLUX_E…`.
  public var status: Int32 {
    switch self {
    case .wouldBlock: Int32(AFFLUX_EAGAIN)
    case .timedOut: Int32(AFFLUX_ETIMEDOUT)
    case .canceled: Int32(AFFLUX_ECANCELED)
    case .closed: Int32(AFFLUX_ECLOSED)
    case .rejected: Int32(AFFLUX_EREJECTED)
    case .already: Int32(AFFLUX_EALREADY)
    case .invalidArgument: Int32(AFFLUX_EINVAL)
    case .overflow: Int32(AFFLUX_EOVERFLOW)
    case .busy: Int32(AFFLUX_EBUSY)
    case .outOfMemory: Int32(AFFLUX_ENOMEM)
    case .notSupported: Int32(AFFLUX_ENOTSUP)
    case .system: Int32(AFFLUX_EOS)
    case .tooLarge: Int32(AFFLUX_E2BIG)
    case .unknown(let status): status
    }
  }
}

extension AffluxError: CustomStringConvertible {
  public var description: String {
    switch self {
    case .invalidArgument(let what): "afflux: \(what)"
    case .system(let errno): "afflux: \(String(cString: afflux_strerror(status))) (errno \(errno))"
    default: "afflux: \(String(cString: afflux_strerror(status)))"
    }
  }
}

/// Throws what a status of the C library says, unless that is `AFFLUX_OK`.
@inline(__always)
func check(_ status: Int32) throws(AffluxError) {
  if status != 0 { throw AffluxError(status: status) }
}

/// The version of the C library that is linked, such as `"0.1.0"`. The package has the same version.
public var affluxVersion: String { String(cString: afflux_version_string()) }
