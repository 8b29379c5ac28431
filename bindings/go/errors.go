// SPDX-License-Identifier: MIT OR Apache-2.0

package afflux

// #include <afflux/afflux.h>
import "C"

// Error is a status of the library. Compare with the constants of this type by == or errors.Is.
type Error int32

// What the calls of this package answer beside context errors.
const (
	// ErrWouldWait: it would have to wait, and was asked not to.
	ErrWouldWait Error = C.AFFLUX_EAGAIN
	// ErrTimeout: Request.Timeout or Options.WaiterTimeout ran out.
	ErrTimeout Error = C.AFFLUX_ETIMEDOUT
	// ErrClosed: the semaphore, or the tenant, is closed.
	ErrClosed Error = C.AFFLUX_ECLOSED
	// ErrRejected: a queue limit has refused the request, or dropped it, or it was shed
	// ([Options].ShedTarget).
	ErrRejected Error = C.AFFLUX_EREJECTED
	// ErrAlready: it was done before.
	ErrAlready Error = C.AFFLUX_EALREADY
	// ErrInvalid: an argument is out of its range.
	ErrInvalid Error = C.AFFLUX_EINVAL
	// ErrOverflow: more than is held, or a number that is too large.
	ErrOverflow Error = C.AFFLUX_EOVERFLOW
	// ErrBusy: it is in use: another [Control] steers the semaphore.
	ErrBusy Error = C.AFFLUX_EBUSY
	// ErrNoMemory: the library found no memory.
	ErrNoMemory Error = C.AFFLUX_ENOMEM
	// ErrNotSupported: the semaphore was created without what is asked for.
	ErrNotSupported Error = C.AFFLUX_ENOTSUP
	// ErrSystem: a call of the operating system failed.
	ErrSystem Error = C.AFFLUX_EOS
	// ErrTooBig: more permits than the limit, or than the tenant's cap: the request could never be
	// served.
	ErrTooBig Error = C.AFFLUX_E2BIG
)

// Error tells the meaning in English.
func (e Error) Error() string { return "afflux: " + C.GoString(C.afflux_strerror(C.int32_t(e))) }

// Timeout reports whether the error is [ErrTimeout], as net.Error does.
func (e Error) Timeout() bool { return e == ErrTimeout }

const (
	statusOK      = C.AFFLUX_OK
	statusPending = C.AFFLUX_PENDING
)

// toError is nil for a status that is no error.
func toError(status int64) error {
	if status >= 0 {
		return nil
	}
	return Error(status)
}
