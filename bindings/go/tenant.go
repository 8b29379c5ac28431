// SPDX-License-Identifier: MIT OR Apache-2.0

package afflux

// #include <stdlib.h>
// #include "glue.h"
import "C"

import (
	"context"
	"fmt"
	"math"
	"runtime"
	"unsafe"
)

// MaxWeight is the largest weight of a [Tenant].
const MaxWeight = C.AFFLUX_TENANT_MAX_WEIGHT

// TenantOptions are a tenant's share of its semaphore. The zero value of each field is its default.
type TenantOptions struct {
	// Weight is of permit-seconds, relative to the other tenants that wait, 1 … MaxWeight; 0 means 1.
	Weight int
	// Guaranteed is how many permits come before all weights, 0 … Cap: while the tenant waits, and
	// would not hold more than these, its requests are granted before all others, by turns with other
	// such tenants. All tenants' together should be no more than the limit.
	Guaranteed int64
	// Cap is how many permits it holds at most; 0: no cap. A request for more gets [ErrTooBig].
	Cap int64
	// MaxWaiters bounds its requests that wait; another gets [ErrRejected], whatever Options.Overflow.
	// 0: no bound but Options.MaxWaiters.
	MaxWaiters uint64
	// Name is its label in the exposition; UTF-8 without NUL. Set does not change it.
	Name string
}

// toC is the options for C, without the name.
func (o *TenantOptions) toC() (c C.afflux_tenant_options, err error) {
	if o.Weight < 0 || o.Weight > MaxWeight || o.Guaranteed < 0 || o.Cap < 0 {
		return c, fmt.Errorf("%w: %+v", ErrInvalid, *o)
	}
	C.afflux_tenant_options_init(&c)
	if o.Weight != 0 {
		c.weight = C.uint32_t(o.Weight)
	}
	c.guaranteed = C.uint64_t(o.Guaranteed)
	c.cap = C.uint64_t(o.Cap)
	c.max_waiters = C.uint64_t(o.MaxWaiters)
	return c, nil
}

// Tenant is one of those who share a semaphore, a customer or a kind of request say: tenants can't
// starve each other. Create one by [NewTenant]. All methods but [Tenant.Unref] may be called by any
// number of goroutines at once. It must not be copied.
//
// The requests of a tenant stand in a line of their own. Among tenants that wait, permits are
// shared by weight; within a tenant they are granted by priority and in order, as without tenants.
// What is shared are permit-seconds: a tenant that holds its permits ten times as long gets a tenth
// as many of them.
//
// Nothing lies idle: what a tenant does not use is lent to the others. Its guaranteed permits come
// back first. Its cap is the most that it ever holds; what waits because of it keeps no other
// tenant from a free permit.
//
// Requests that are made of the Semaphore itself are, together, those of one more tenant, of weight
// 1 ([Semaphore.SetDefaultWeight]). Of these the free permits cost a compare-and-swap, as ever;
// each acquire and release of a tenant is a call into C.
//
// Permits of a tenant are given back by [Tenant.Release], or by their [Permit]. Given to
// Semaphore.Release they would count as still held by the tenant.
//
// A tenant keeps its semaphore's memory. One that is not reachable any more ends; [Tenant.Unref]
// ends it at once.
type Tenant struct {
	_      noCopy
	tenant *C.afflux_tenant // one reference; nil: dropped by Unref
	sem    *C.afflux_sem    // the tenant keeps it alive
	of     *Semaphore
}

// NewTenant creates a tenant of s. Errors: [ErrInvalid], wrapped (a field is out of its range),
// [ErrNotSupported] (s is of Throughput, or sheds its queue), [ErrClosed], [ErrNoMemory].
func NewTenant(s *Semaphore, options TenantOptions) (*Tenant, error) {
	c, err := options.toC()
	if err != nil {
		return nil, err
	}
	name, err := cString(options.Name)
	if err != nil {
		return nil, fmt.Errorf("%w: TenantOptions.Name", err)
	}
	defer C.free(unsafe.Pointer(name))
	c.name = name
	var handle *C.afflux_tenant
	status := call(C.afflux_go_tenant_create(s.at(), &c, &handle))
	runtime.KeepAlive(s)
	switch status {
	case statusOK:
		return adoptTenant(handle, s), nil
	case C.AFFLUX_EINVAL:
		return nil, fmt.Errorf("%w: %+v", ErrInvalid, options)
	default:
		return nil, Error(status)
	}
}

// adoptTenant makes a Tenant of a reference that is the caller's.
func adoptTenant(handle *C.afflux_tenant, s *Semaphore) *Tenant {
	t := &Tenant{tenant: handle, sem: s.handle(), of: s}
	runtime.SetFinalizer(t, (*Tenant).Unref)
	return t
}

// TenantFromHandle makes a Tenant of an afflux_tenant*, a tenant of s, to share it with another
// language in the process, which must use the same copy of the library. It adds a reference of its
// own; handle is borrowed for the call.
func TenantFromHandle(s *Semaphore, handle unsafe.Pointer) *Tenant {
	if handle == nil {
		panic("afflux: TenantFromHandle of nil")
	}
	return adoptTenant(C.afflux_tenant_ref((*C.afflux_tenant)(handle)), s)
}

// Handle is the afflux_tenant*, borrowed: valid while t is reachable and Unref has not been called.
func (t *Tenant) Handle() unsafe.Pointer { return unsafe.Pointer(t.handle()) }

// Unref ends the tenant at once instead of at some garbage collection, unless another language or a
// Permit has a reference. Permits that it holds then count as held by those who name no tenant, and
// are given back by Semaphore.Release. No other method may be under way: Close before, to end the
// waits. Later ones panic. A second Unref does nothing.
func (t *Tenant) Unref() {
	handle := t.tenant
	if handle == nil {
		return
	}
	t.tenant = nil
	call(C.afflux_go_tenant_unref(address(unsafe.Pointer(handle))))
}

// handle is the C handle. A caller of handle or at must keep t alive (runtime.KeepAlive) until the
// call that uses it is over.
func (t *Tenant) handle() *C.afflux_tenant {
	if t.tenant == nil {
		panic("afflux: use of a Tenant that was not made by NewTenant, or after its Unref")
	}
	return t.tenant
}

func (t *Tenant) at() C.uintptr_t { return address(unsafe.Pointer(t.handle())) }

// object stands for the semaphore before the race detector.
func (t *Tenant) object() unsafe.Pointer { return unsafe.Pointer(t.sem) }

// Name is the name given at creation.
func (t *Tenant) Name() string {
	name := C.GoString(C.afflux_tenant_name(t.handle()))
	runtime.KeepAlive(t)
	return name
}

// Set changes the tenant's share, from now on. What it holds beyond a lower cap it keeps; requests
// that wait for more than that end with [ErrTooBig], unless Request.WaitForResize is set. Errors:
// [ErrInvalid], wrapped (a field is out of its range, or Name is not ""), [ErrClosed] (the tenant,
// or the semaphore); then nothing has changed.
func (t *Tenant) Set(options TenantOptions) error {
	c, err := options.toC()
	if err != nil {
		return err
	}
	if options.Name != "" {
		return fmt.Errorf("%w: a tenant's name does not change", ErrInvalid)
	}
	status := call(C.afflux_go_tenant_set(t.at(), &c))
	runtime.KeepAlive(t)
	if status == C.AFFLUX_EINVAL {
		return fmt.Errorf("%w: %+v", ErrInvalid, options)
	}
	return toError(status)
}

// Close closes the tenant for good: its requests that wait, and later ones, get [ErrClosed]. What it
// holds it goes on holding until that is given back. The semaphore is open as before. A second Close
// answers [ErrAlready].
func (t *Tenant) Close() error {
	raceRelease(t.object())
	status := call(C.afflux_go_tenant_close(t.at()))
	runtime.KeepAlive(t)
	return toError(status)
}

// Acquire takes n permits for the tenant, and waits for them until ctx is done. Errors: ctx.Err(),
// which wins over permits that are free, and those of [Semaphore.AcquireWith]; with any of them
// nothing is taken. Unlike Semaphore.Acquire it answers [ErrTooBig] for more than the limit, or
// than the cap.
//
// It panics where n is negative. With 0 nothing is taken, and it does not wait.
func (t *Tenant) Acquire(ctx context.Context, n int64) error {
	switch {
	case n < 0:
		panic("semaphore: n < 0")
	case n == 0:
		return ctx.Err()
	}
	request := Request{Permits: n}
	return t.acquireWith(ctx, &request, C.AFFLUX_FOREVER)
}

// AcquireWith is [Semaphore.AcquireWith] for the tenant; without an error the caller owes the
// permits to [Tenant.Release]. Errors beside those: [ErrInvalid] if the request has a Client,
// [ErrTooBig] for more than the cap, [ErrRejected] beyond TenantOptions.MaxWaiters.
func (t *Tenant) AcquireWith(ctx context.Context, request Request) error {
	return t.acquireWith(ctx, &request, toTimeout(request.Timeout))
}

// TryAcquireWith is AcquireWith that does not wait: where it would have to it answers
// [ErrWouldWait]. Request.Timeout is ignored.
func (t *Tenant) TryAcquireWith(request Request) error {
	request.Timeout = 0
	return t.acquireWith(context.Background(), &request, 0)
}

func (t *Tenant) acquireWith(ctx context.Context, request *Request, timeout C.int64_t) error {
	n, err := request.permits()
	if err != nil {
		return err
	}
	if request.Client != nil {
		return fmt.Errorf("%w: Request.Client, of a tenant's request", ErrInvalid)
	}
	if isDone(ctx.Done()) {
		return ctx.Err()
	}
	w, status := t.begin(request, n, timeout)
	unwanted, err := w.finish(ctx, status, t.object())
	if unwanted {
		t.Release(n)
	}
	runtime.KeepAlive(t)
	return err
}

// begin takes n permits, or queues request for them in w.
func (t *Tenant) begin(request *Request, n int64, timeout C.int64_t) (w *waiter, status int64) {
	c := request.toC(n, timeout)
	c.tenant = t.at()
	w = getWaiter()
	return w, call(C.afflux_go_acquire_request(address(t.object()), c, w.at))
}

// TryAcquire takes n permits for the tenant if they are free, it may hold so many, and no request
// waits that would be granted before; it reports whether it did. It panics where n is negative, and
// answers true for 0.
func (t *Tenant) TryAcquire(n int64) bool {
	if n <= 0 {
		if n < 0 {
			panic("semaphore: n < 0")
		}
		return true
	}
	ok := call(C.afflux_go_tenant_try_acquire(t.at(), C.uint64_t(n))) == statusOK
	if ok {
		raceAcquire(t.object())
	}
	runtime.KeepAlive(t)
	return ok
}

// Release gives n permits of the tenant back, and wakes the goroutines whose turn it is. Any goroutine
// may release what another acquired. It panics where n is negative or more than what the tenant holds.
func (t *Tenant) Release(n int64) {
	if n <= 0 {
		if n < 0 {
			panic("semaphore: n < 0")
		}
		return
	}
	raceRelease(t.object())
	if call(C.afflux_go_tenant_release(t.at(), C.uint64_t(n))) != statusOK {
		panic("semaphore: released more than held")
	}
	runtime.KeepAlive(t)
}

// AcquirePermit is [Tenant.AcquireWith] with a Permit for the result, which gives back to the
// tenant, and keeps it until then.
func (t *Tenant) AcquirePermit(ctx context.Context, request Request) (*Permit, error) {
	return t.permit(request, func() error { return t.AcquireWith(ctx, request) })
}

// TryAcquirePermit is [Tenant.TryAcquireWith] with a Permit for the result.
func (t *Tenant) TryAcquirePermit(request Request) (*Permit, error) {
	return t.permit(request, func() error { return t.TryAcquireWith(request) })
}

// permit makes a Permit of what acquire takes for request, and gives it back where that fails.
func (t *Tenant) permit(request Request, acquire func() error) (*Permit, error) {
	tag, err := cString(request.Tag)
	if err != nil {
		return nil, err
	}
	defer C.free(unsafe.Pointer(tag))
	if err := acquire(); err != nil {
		return nil, err
	}
	n, _ := request.permits()
	p, err := t.adopt(n, tag)
	if err != nil {
		t.Release(n)
	}
	return p, err
}

// Adopt makes a Permit of n permits that the tenant holds already: the Permit gives them back from now
// on. Errors: [ErrInvalid] (n is below 1), [ErrOverflow] (the tenant holds fewer than n).
func (t *Tenant) Adopt(n int64, tag string) (*Permit, error) {
	if n < 1 {
		return nil, ErrInvalid
	}
	c, err := cString(tag)
	if err != nil {
		return nil, err
	}
	defer C.free(unsafe.Pointer(c))
	return t.adopt(n, c)
}

func (t *Tenant) adopt(n int64, tag *C.char) (*Permit, error) {
	p := &Permit{sem: t.of}
	status := C.afflux_tenant_adopt(t.handle(), C.uint64_t(n), tag, &p.token)
	runtime.KeepAlive(t)
	if status != statusOK {
		return nil, Error(status)
	}
	return p, nil
}

// SetDefaultWeight sets the weight of the requests that name no [Tenant], 1 … MaxWeight; 1 at first.
// Errors: [ErrInvalid], [ErrNotSupported] (s is of Throughput, or sheds its queue), [ErrClosed],
// [ErrNoMemory].
func (s *Semaphore) SetDefaultWeight(weight int) error {
	if weight < 0 || int64(weight) > math.MaxUint32 {
		return ErrInvalid
	}
	status := call(C.afflux_go_tenant_set_default_weight(s.at(), C.uint32_t(weight)))
	runtime.KeepAlive(s)
	return toError(status)
}
