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

// ClientOptions tell [NewClient] how to create a client. The zero value is the default.
type ClientOptions struct {
	Name       string        // label in the exposition
	Classes    [4]string     // names of the classes of requests; "": "0" … "3"
	Pipelines  [2]string     // names of the pipelines of lines; "": "0", "1"
	StallSpeed float64       // a lower speed is a stall once it has lasted for StallAfter; 0: 0.9
	StallAfter time.Duration // 0: 5 s
}

// Client counts for a customer, a connection or a worker process: what it calls by itself, and what
// the requests did that name it ([Request].Client). All methods may be called by any number of
// goroutines at once; the counting ones cost a call into C and one addition. A client that is not
// reachable any more is freed.
type Client struct {
	_      noCopy
	client *C.afflux_client
}

// NewClient creates a client, everything at 0. Errors: [ErrInvalid] and [ErrNoMemory].
func NewClient(options ClientOptions) (*Client, error) {
	var c C.afflux_client_options
	C.afflux_client_options_init(&c)
	var names []*C.char
	defer func() {
		for _, name := range names {
			C.free(unsafe.Pointer(name))
		}
	}()
	var err error
	copied := func(text string) *C.char {
		name, wrong := cString(text)
		if wrong != nil {
			err = wrong
		}
		names = append(names, name)
		return name
	}
	c.name = copied(options.Name)
	for i, class := range options.Classes {
		c.classes[i] = copied(class)
	}
	for i, pipeline := range options.Pipelines {
		c.pipelines[i] = copied(pipeline)
	}
	if err != nil {
		return nil, err
	}
	if options.StallSpeed != 0 {
		c.stall_speed = C.double(options.StallSpeed)
	}
	if options.StallAfter != 0 {
		c.stall_after_ns = C.int64_t(options.StallAfter)
	}
	var handle *C.afflux_client
	if status := C.afflux_client_create(&c, &handle); status != statusOK {
		return nil, fmt.Errorf("%w: %+v", Error(status), options)
	}
	client := &Client{client: handle}
	runtime.SetFinalizer(client, func(c *Client) { C.afflux_client_unref(c.client) })
	return client, nil
}

func (c *Client) handle() *C.afflux_client {
	if c.client == nil {
		panic("afflux: use of a Client that was not made by NewClient")
	}
	return c.client
}

// Handle is the afflux_client*, borrowed: valid while c is reachable.
func (c *Client) Handle() unsafe.Pointer { return unsafe.Pointer(c.handle()) }

func (c *Client) counted(status C.afflux_status) error {
	runtime.KeepAlive(c)
	return toError(int64(status))
}

// Name is the name given at creation.
func (c *Client) Name() string {
	name := C.GoString(C.afflux_client_name(c.handle()))
	runtime.KeepAlive(c)
	return name
}

// CountRequests counts n requests of a class, 0 … 3; [ErrInvalid] for another.
func (c *Client) CountRequests(class int, n uint64) error {
	return c.counted(C.afflux_client_count_requests(c.handle(), C.uint32_t(class), C.uint64_t(n)))
}

// CountBytes counts n bytes.
func (c *Client) CountBytes(n uint64) {
	c.counted(C.afflux_client_count_bytes(c.handle(), C.uint64_t(n)))
}

// SetRunBytes sets the bytes of the current run, as known from a source that counts from 0 in each
// run.
func (c *Client) SetRunBytes(n uint64) {
	c.counted(C.afflux_client_set_run_bytes(c.handle(), C.uint64_t(n)))
}

// BeginRun begins a run: bytes, speed, position and drift of the new run begin at 0.
func (c *Client) BeginRun() { c.counted(C.afflux_client_begin_run(c.handle())) }

// CountResponse counts a response by its code: 400 … 599 have a slot each, all others share one.
func (c *Client) CountResponse(code int) {
	c.counted(C.afflux_client_count_response(c.handle(), C.uint32_t(code)))
}

// CountReconnection counts a reconnection.
func (c *Client) CountReconnection() { c.counted(C.afflux_client_count_reconnection(c.handle())) }

// CountTimeout counts a timeout.
func (c *Client) CountTimeout() { c.counted(C.afflux_client_count_timeout(c.handle())) }

// CountLines counts lines of a pipeline, 0 or 1: read that arrived, dropped of them. Error:
// [ErrInvalid].
func (c *Client) CountLines(pipeline int, read, dropped uint64) error {
	return c.counted(C.afflux_client_count_lines(c.handle(), C.uint32_t(pipeline), C.uint64_t(read),
		C.uint64_t(dropped)))
}

// SetSpeed sets how fast the client runs, 1 being as fast as it should; [ErrInvalid] for a negative
// speed and NaN.
func (c *Client) SetSpeed(speed float64) error {
	return c.counted(C.afflux_client_set_speed(c.handle(), C.double(speed)))
}

// SetPosition sets how far the client has come in the current run; [ErrInvalid] for a negative one.
func (c *Client) SetPosition(position time.Duration) error {
	return c.counted(C.afflux_client_set_position(c.handle(), C.int64_t(position)))
}

// Responses is how many responses had that code; for one outside of 400 … 599 all such.
func (c *Client) Responses(code int) uint64 {
	n := C.afflux_client_responses(c.handle(), C.uint32_t(code))
	runtime.KeepAlive(c)
	return uint64(n)
}

// ClientSummary is what a client has done.
type ClientSummary struct {
	Stalled                                    uint32 // 0 or 1; in a RegistrySummary how many
	Requests                                   [4]uint64
	Bytes, Runs                                uint64
	Responses4xx, Responses5xx, ResponsesOther uint64
	Reconnections, Timeouts                    uint64
	LinesRead, LinesDropped                    [2]uint64
	DropRate, PeakDropRate, Speed              float64
	Drift, MaxDrift                            time.Duration
	Acquired                                   uint64 // permits
	Waits, Rejected, TimedOut, Canceled        uint64 // requests to semaphores
	WaitSum, WaitMax                           time.Duration
	Uptime                                     time.Duration
}

func toClientSummary(c *C.afflux_client_summary_t) ClientSummary {
	s := ClientSummary{
		Stalled: uint32(c.stalled), Bytes: uint64(c.bytes), Runs: uint64(c.runs),
		Responses4xx: uint64(c.responses_4xx), Responses5xx: uint64(c.responses_5xx),
		ResponsesOther: uint64(c.responses_other),
		Reconnections:  uint64(c.reconnections), Timeouts: uint64(c.timeouts),
		DropRate: float64(c.drop_rate), PeakDropRate: float64(c.peak_drop_rate),
		Speed: float64(c.speed), Drift: time.Duration(c.drift_ns),
		MaxDrift: time.Duration(c.max_drift_ns),
		Acquired: uint64(c.acquired), Waits: uint64(c.waits), Rejected: uint64(c.rejected),
		TimedOut: uint64(c.timed_out), Canceled: uint64(c.canceled),
		WaitSum: time.Duration(c.wait_sum_ns), WaitMax: time.Duration(c.wait_max_ns),
		Uptime: time.Duration(c.uptime_ns),
	}
	for i := range s.Requests {
		s.Requests[i] = uint64(c.requests[i])
	}
	for i := range s.LinesRead {
		s.LinesRead[i] = uint64(c.lines_read[i])
		s.LinesDropped[i] = uint64(c.lines_dropped[i])
	}
	return s
}

// Summary reads the client's counters.
func (c *Client) Summary() ClientSummary {
	var summary C.afflux_client_summary_t
	C.afflux_client_summary_init(&summary)
	C.afflux_client_summary(c.handle(), &summary)
	runtime.KeepAlive(c)
	return toClientSummary(&summary)
}
