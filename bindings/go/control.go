// SPDX-License-Identifier: MIT OR Apache-2.0

package afflux

// #include <stdlib.h>
// #include "glue.h"
import "C"

import (
	"fmt"
	"runtime"
	"time"
	"unsafe"
)

// Algorithm is the rule by which a [Control] finds the limit. As text, in a configuration file or a
// flag, it has the names "default", "aimd", "vegas", "gradient2" and "gradient".
type Algorithm uint32

// The algorithms, with the defaults of ControlOptions.Min and Max in brackets.
const (
	// AlgorithmDefault: by what a little more in flight brings, which it tries all the time. The limit
	// goes a few per cent up and down [1, 1000].
	AlgorithmDefault Algorithm = C.AFFLUX_CONTROL_DEFAULT
	// AlgorithmAIMD: one more after a good request, a tenth less after a drop, as in Netflix
	// concurrency-limits [20, 200].
	AlgorithmAIMD Algorithm = C.AFFLUX_CONTROL_AIMD
	// AlgorithmVegas: by the queue that the least latency seen does not explain, as in Netflix
	// concurrency-limits [1, 1000].
	AlgorithmVegas Algorithm = C.AFFLUX_CONTROL_VEGAS
	// AlgorithmGradient2: by a long average of latencies over the latest, as in Netflix
	// concurrency-limits [20, 200].
	AlgorithmGradient2 Algorithm = C.AFFLUX_CONTROL_GRADIENT2
	// AlgorithmGradient: by the latency of probes at a low limit, which is Min, as Envoy's adaptive
	// concurrency filter [3, 1000].
	AlgorithmGradient Algorithm = C.AFFLUX_CONTROL_GRADIENT
)

// ParseAlgorithm is the algorithm of that name, in small letters. Error: [ErrInvalid], wrapped.
func ParseAlgorithm(name string) (Algorithm, error) {
	c, err := cString(name)
	if err != nil {
		return 0, err
	}
	defer C.free(unsafe.Pointer(c))
	var found C.uint32_t
	if status := C.afflux_control_find_algorithm(c, &found); status != statusOK {
		return 0, fmt.Errorf("%w: no algorithm %q", Error(status), name)
	}
	return Algorithm(found), nil
}

// String is the algorithm's name.
func (a Algorithm) String() string {
	if name := C.afflux_control_algorithm_name(C.uint32_t(a)); name != nil {
		return C.GoString(name)
	}
	return fmt.Sprintf("Algorithm(%d)", uint32(a))
}

// MarshalText is String, for an algorithm that exists. Error: [ErrInvalid], wrapped.
func (a Algorithm) MarshalText() ([]byte, error) {
	if a > AlgorithmGradient {
		return nil, fmt.Errorf("%w: %v", ErrInvalid, a)
	}
	return []byte(a.String()), nil
}

// UnmarshalText is [ParseAlgorithm].
func (a *Algorithm) UnmarshalText(name []byte) error {
	found, err := ParseAlgorithm(string(name))
	if err == nil {
		*a = found
	}
	return err
}

// Outcome tells how a request has ended.
type Outcome uint32

// How a request has ended.
const (
	// Served: it was done. An error of its own ("not found") counts as well, if it took the usual way.
	Served Outcome = C.AFFLUX_CONTROL_SERVED
	// Dropped: overload ended it. Its time ran out, or the server refused it.
	Dropped Outcome = C.AFFLUX_CONTROL_DROPPED
	// Ignored: its latency says nothing. It failed before it began, came from a cache, was cancelled.
	Ignored Outcome = C.AFFLUX_CONTROL_IGNORED
)

// ControlOptions tell [NewControl] how to create a control. The zero value of each field is its
// default.
type ControlOptions struct {
	Algorithm Algorithm
	// Min is the least limit, 1 … Max; 0: the algorithm's, or Max if that is less. It has to be at
	// least what the largest request asks for: a shrink below that ends requests that wait with
	// [ErrTooBig], unless Request.WaitForResize is set.
	Min int64
	// Max is the largest limit, Min … MaxPermits: what the program survives. 0: the algorithm's, or
	// Min if that is more.
	Max int64
	// Initial is the limit to begin with, Min … Max; 0: the semaphore's, brought within them.
	// AlgorithmGradient begins with a probe, at Min, whatever it is.
	Initial int64
	// Seed is that of the jitter of AlgorithmDefault, AlgorithmVegas and AlgorithmGradient; 0 means 1.
	Seed uint64
	// Window is how long a window lasts; 0: with AlgorithmVegas and AlgorithmGradient2 each request is
	// one; 100 ms with AlgorithmGradient. With AlgorithmAIMD each request is one, whatever it is;
	// AlgorithmDefault finds out by itself.
	Window time.Duration
	// Timeout is for AlgorithmAIMD: what took longer counts as dropped; 0: 5 s.
	Timeout time.Duration
	// ProbeInterval is for AlgorithmGradient: from probe to probe; 0: 60 s.
	ProbeInterval time.Duration
	// OnChange is told of each change of the limit, in order, one call at a time, in a goroutine of its
	// own, where a panic ends the program as in any other. It may call everything in this package, and
	// may block; the changes wait for it in memory. A change may be told after the control has ended.
	// OnChange must not refer to the Control, which would then never be freed but by Unref.
	OnChange func(ControlChange)
}

// Control steers the limit of a semaphore: told how long each request took and how it ended, it finds
// the number of permits while the program runs. Create one by [NewControl]. All methods but
// [Control.Unref] may be called by any number of goroutines at once. It must not be copied.
//
// Samples add up to windows; at the end of a window the algorithm says what the limit is to be. There
// is no thread and no timer: the call whose sample ends a window sets the limit and wakes the
// goroutines whose requests then fit. All other calls add their sample and return. Without samples the
// limit stays as it is.
//
// A sample is of the work that the permits protect: from the acquire to the end of the work, without
// the wait for the permits. [Control.Release] takes a [Permit]'s hold time; with plain permits call
// [Control.Sample], and before they are released, for the control looks at how many are held.
//
// One control at a time steers a semaphore, and keeps its memory. A control that is not reachable any
// more ends; [Control.Unref] ends it at once. The limit stays as it is then. A limit that
// [Semaphore.Resize] sets holds until the next window ends, or while the control is paused.
type Control struct {
	_       noCopy
	control *C.afflux_control // one reference; nil: dropped by Unref
	id      uint64            // of its teller; 0: none
}

// NewControl creates a control, which steers s from now on. The limit is the algorithm's first, which
// OnChange is told if it is another one. Errors: [ErrInvalid], wrapped (Min above Max, Max above
// [MaxPermits], Initial not within them, a negative field, or no such algorithm), [ErrBusy] (another
// control steers s), [ErrClosed], [ErrNoMemory].
func NewControl(s *Semaphore, options ControlOptions) (*Control, error) {
	if options.Min < 0 || options.Max < 0 || options.Initial < 0 {
		return nil, fmt.Errorf("%w: %+v", ErrInvalid, options)
	}
	id := addTeller(&teller{changes: &s.changes, tell: options.OnChange})
	c := C.afflux_go_control_options{
		algorithm:         C.uint32_t(options.Algorithm),
		min:               C.uint64_t(options.Min),
		max:               C.uint64_t(options.Max),
		initial:           C.uint64_t(options.Initial),
		seed:              C.uint64_t(options.Seed),
		window_ns:         C.int64_t(options.Window),
		timeout_ns:        C.int64_t(options.Timeout),
		probe_interval_ns: C.int64_t(options.ProbeInterval),
		id:                C.uint64_t(id),
	}
	if options.Seed == 0 {
		c.seed = 1
	}
	var handle *C.afflux_control
	status := call(C.afflux_go_control_create(s.at(), c, &handle))
	runtime.KeepAlive(s)
	switch status {
	case statusOK:
		return adoptControl(handle, id), nil
	case C.AFFLUX_EINVAL:
		removeTeller(id)
		return nil, fmt.Errorf("%w: %+v", ErrInvalid, options)
	default:
		removeTeller(id)
		return nil, Error(status)
	}
}

// adoptControl makes a Control of a reference that is the caller's.
func adoptControl(handle *C.afflux_control, id uint64) *Control {
	c := &Control{control: handle, id: id}
	runtime.SetFinalizer(c, (*Control).Unref)
	return c
}

// ControlFromHandle makes a Control of an afflux_control*, to share it with another language in the
// process, which must use the same copy of the library. It adds a reference of its own; handle is
// borrowed for the call.
func ControlFromHandle(handle unsafe.Pointer) *Control {
	if handle == nil {
		panic("afflux: ControlFromHandle of nil")
	}
	return adoptControl(C.afflux_control_ref((*C.afflux_control)(handle)), 0)
}

// Handle is the afflux_control*, borrowed: valid while c is reachable and Unref has not been called.
// OnChange is told for as long, too.
func (c *Control) Handle() unsafe.Pointer { return unsafe.Pointer(c.handle()) }

// Unref ends the control at once instead of at some garbage collection: the limit stays as it is, and
// if no other language has a reference, another control may steer the semaphore. No other method may
// be under way; later ones panic. A second Unref does nothing.
func (c *Control) Unref() {
	handle := c.control
	if handle == nil {
		return
	}
	c.control = nil
	call(C.afflux_go_control_unref(address(unsafe.Pointer(handle))))
	removeTeller(c.id)
}

// handle is the C handle. A caller of handle or at must keep c alive (runtime.KeepAlive) until the
// call that uses it is over.
func (c *Control) handle() *C.afflux_control {
	if c.control == nil {
		panic("afflux: use of a Control that was not made by NewControl, or after its Unref")
	}
	return c.control
}

func (c *Control) at() C.uintptr_t { return address(unsafe.Pointer(c.handle())) }

// Sample tells of a request that has ended; its work took latency. It is to be called before the
// request's permits are released. A request on a closed semaphore counts, too. Error: [ErrInvalid]
// (latency is negative, or the outcome is none of the three); then nothing is counted.
//
//	began := time.Now()
//	err := work()
//	control.Sample(time.Since(began), outcome(err))
//	sem.Release(1)
func (c *Control) Sample(latency time.Duration, outcome Outcome) error {
	status := call(C.afflux_go_control_sample(c.at(), C.int64_t(latency), C.uint32_t(outcome)))
	runtime.KeepAlive(c)
	return toError(status)
}

// Release gives back what a Permit holds, as [Permit.Release] does, and tells of it: its hold time is
// the sample's latency. Errors: [ErrAlready] (it is empty: nothing is counted), [ErrInvalid] (it is of
// another semaphore, or the outcome is none of the three: nothing is done), [ErrOverflow] as of
// Permit.Release.
func (c *Control) Release(p *Permit, outcome Outcome) error {
	raceRelease(p.sem.object())
	status := call(C.afflux_go_control_release(c.at(), &p.token, C.uint32_t(outcome)))
	runtime.KeepAlive(c)
	runtime.KeepAlive(p)
	return toError(status)
}

// Pause leaves the limit alone until Resume: for a deployment, a test, a known outage. Samples go on
// being counted in the totals, and in no window. A window that another goroutine is just closing may
// still change the limit. Error: [ErrAlready].
func (c *Control) Pause() error {
	status := C.afflux_control_pause(c.handle())
	runtime.KeepAlive(c)
	return toError(int64(status))
}

// Resume goes on: a window begins now. The algorithm knows what it knew before the pause. Error:
// [ErrAlready], where it is not paused.
func (c *Control) Resume() error {
	status := call(C.afflux_go_control_resume(c.at()))
	runtime.KeepAlive(c)
	return toError(status)
}
