// SPDX-License-Identifier: MIT OR Apache-2.0

// Package peers has in Go, by the standard library alone, what the benchmarks of Afflux's
// statistics measure in C++: the same counts, by atomics, by sync.RWMutex and by sync.Mutex.
package peers

import (
	"math"
	"math/bits"
	"sync"
	"sync/atomic"
	"time"
)

const (
	classes   = 4
	pipelines = 2
	family    = 100 // status codes 4xx, 5xx
)

// Summary is what a client has done.
type Summary struct {
	Requests                                   [classes]uint64
	Bytes, Runs                                uint64
	Responses4xx, Responses5xx, ResponsesOther uint64
	Reconnections, Timeouts                    uint64
	LinesRead, LinesDropped                    [pipelines]uint64
	DropRate, PeakDropRate, Speed              float64
	Drift, MaxDrift                            int64
	Acquired, Waits, WaitSum, WaitMax          uint64
	Rejected, TimedOut, Canceled               uint64
	Uptime                                     time.Duration
	Stalled                                    uint32
}

// Client counts.
type Client interface {
	CountRequests(class int, n uint64)
	CountResponse(code int)
	CountLines(pipeline int, read, dropped uint64)
	Responses(code int) uint64
	Summarize(into *Summary)
}

func rate(dropped, read [pipelines]uint64) float64 {
	if dropped[0]|dropped[1] == 0 {
		return 0
	}
	return float64(dropped[0]+dropped[1]) / float64(read[0]+read[1])
}

// ---- Atomics

// AtomicClient counts by atomics, and knows by bits which status codes it has seen, as
// afflux_client does.
type AtomicClient struct {
	requests                    [classes]atomic.Uint64
	bytes, other                atomic.Uint64
	reconnections, timeouts     atomic.Uint64
	runs                        atomic.Uint64
	drift, maxDrift             atomic.Int64
	speed, peak                 atomic.Uint64 // bits of a float64
	acquired, waits             atomic.Uint64
	waitSum, waitMax            atomic.Uint64
	rejected, timedOut, cancels atomic.Uint64
	read, dropped               [pipelines]atomic.Uint64
	used                        [2][2]atomic.Uint64
	responses                   [2 * family]atomic.Uint64
	created                     time.Time
}

// NewAtomicClient makes one with everything at 0.
func NewAtomicClient() *AtomicClient { return &AtomicClient{created: time.Now()} }

// CountRequests counts n requests.
func (c *AtomicClient) CountRequests(class int, n uint64) { c.requests[class].Add(n) }

// CountResponse counts a response.
func (c *AtomicClient) CountResponse(code int) {
	slot := uint(code - 400)
	if slot >= 2*family {
		c.other.Add(1)
		return
	}
	used := &c.used[slot/family][slot%family/64]
	bit := uint64(1) << (slot % family % 64)
	for {
		seen := used.Load()
		if seen&bit != 0 || used.CompareAndSwap(seen, seen|bit) {
			break
		}
	}
	c.responses[slot].Add(1)
}

// CountLines counts lines and follows the peak of the drop rate.
func (c *AtomicClient) CountLines(pipeline int, read, dropped uint64) {
	c.read[pipeline].Add(read)
	if dropped == 0 {
		return
	}
	c.dropped[pipeline].Add(dropped)
	now := rate(c.lines())
	for {
		seen := c.peak.Load()
		if math.Float64frombits(seen) >= now ||
			c.peak.CompareAndSwap(seen, math.Float64bits(now)) {
			return
		}
	}
}

func (c *AtomicClient) lines() (dropped, read [pipelines]uint64) {
	for i := range c.dropped {
		dropped[i] = c.dropped[i].Load()
	}
	for i := range c.read {
		read[i] = c.read[i].Load()
	}
	return
}

// Responses tells how many had that code.
func (c *AtomicClient) Responses(code int) uint64 {
	if slot := uint(code - 400); slot < 2*family {
		return c.responses[slot].Load()
	}
	return c.other.Load()
}

func (c *AtomicClient) sum(of uint) (total uint64) {
	for word := uint(0); word < 2; word++ {
		for left := c.used[of][word].Load(); left != 0; left &= left - 1 {
			slot := of*family + word*64 + uint(bits.TrailingZeros64(left))
			total += c.responses[slot].Load()
		}
	}
	return
}

// Summarize reads all.
func (c *AtomicClient) Summarize(into *Summary) {
	c.summarizeRest(into)
	into.Responses4xx = c.sum(0)
	into.Responses5xx = c.sum(1)
}

func (c *AtomicClient) summarizeRest(into *Summary) {
	for i := range c.requests {
		into.Requests[i] = c.requests[i].Load()
	}
	into.Bytes = c.bytes.Load()
	into.Runs = c.runs.Load()
	into.ResponsesOther = c.other.Load()
	into.Reconnections = c.reconnections.Load()
	into.Timeouts = c.timeouts.Load()
	into.LinesDropped, into.LinesRead = c.lines()
	into.DropRate = rate(into.LinesDropped, into.LinesRead)
	into.PeakDropRate = math.Float64frombits(c.peak.Load())
	into.Speed = math.Float64frombits(c.speed.Load())
	into.Drift = c.drift.Load()
	into.MaxDrift = c.maxDrift.Load()
	into.Acquired = c.acquired.Load()
	into.Waits = c.waits.Load()
	into.WaitSum = c.waitSum.Load()
	into.WaitMax = c.waitMax.Load()
	into.Rejected = c.rejected.Load()
	into.TimedOut = c.timedOut.Load()
	into.Canceled = c.cancels.Load()
	into.Uptime = time.Since(c.created)
}

// WalkedClient is an AtomicClient whose summary walks all slots, as the design did that Afflux's
// comes from.
type WalkedClient struct{ AtomicClient }

// NewWalkedClient makes one with everything at 0.
func NewWalkedClient() *WalkedClient {
	return &WalkedClient{AtomicClient{created: time.Now()}}
}

// CountResponse counts a response.
func (c *WalkedClient) CountResponse(code int) {
	if slot := uint(code - 400); slot < 2*family {
		c.responses[slot].Add(1)
		return
	}
	c.other.Add(1)
}

// Summarize reads all.
func (c *WalkedClient) Summarize(into *Summary) {
	c.summarizeRest(into)
	into.Responses4xx, into.Responses5xx = 0, 0
	for i := 0; i < family; i++ {
		into.Responses4xx += c.responses[i].Load()
		into.Responses5xx += c.responses[family+i].Load()
	}
}

// ---- Locks

// plain counts without any protection.
type plain struct {
	known     Summary
	responses [2 * family]uint64
	created   time.Time
}

func (c *plain) countResponse(code int) {
	slot := uint(code - 400)
	if slot >= 2*family {
		c.known.ResponsesOther++
		return
	}
	c.responses[slot]++
	if slot < family {
		c.known.Responses4xx++
	} else {
		c.known.Responses5xx++
	}
}

func (c *plain) countLines(pipeline int, read, dropped uint64) {
	c.known.LinesRead[pipeline] += read
	if dropped == 0 {
		return
	}
	c.known.LinesDropped[pipeline] += dropped
	now := rate(c.known.LinesDropped, c.known.LinesRead)
	if now > c.known.PeakDropRate {
		c.known.PeakDropRate = now
	}
}

func (c *plain) countOf(code int) uint64 {
	if slot := uint(code - 400); slot < 2*family {
		return c.responses[slot]
	}
	return c.known.ResponsesOther
}

func (c *plain) summarize(into *Summary) {
	*into = c.known
	into.DropRate = rate(into.LinesDropped, into.LinesRead)
}

// RWMutexClient counts behind a sync.RWMutex, which readers share. It and MutexClient are the same
// twice: a call through an interface or a generic's dictionary would be part of what is measured.
type RWMutexClient struct {
	mutex sync.RWMutex
	plain
}

// NewRWMutexClient makes one with everything at 0.
func NewRWMutexClient() *RWMutexClient {
	return &RWMutexClient{plain: plain{created: time.Now()}}
}

// CountRequests counts n requests.
func (c *RWMutexClient) CountRequests(class int, n uint64) {
	c.mutex.Lock()
	c.known.Requests[class] += n
	c.mutex.Unlock()
}

// CountResponse counts a response.
func (c *RWMutexClient) CountResponse(code int) {
	c.mutex.Lock()
	c.countResponse(code)
	c.mutex.Unlock()
}

// CountLines counts lines and follows the peak of the drop rate.
func (c *RWMutexClient) CountLines(pipeline int, read, dropped uint64) {
	c.mutex.Lock()
	c.countLines(pipeline, read, dropped)
	c.mutex.Unlock()
}

// Responses tells how many had that code.
func (c *RWMutexClient) Responses(code int) uint64 {
	c.mutex.RLock()
	n := c.countOf(code)
	c.mutex.RUnlock()
	return n
}

// Summarize reads all.
func (c *RWMutexClient) Summarize(into *Summary) {
	c.mutex.RLock()
	c.summarize(into)
	c.mutex.RUnlock()
	into.Uptime = time.Since(c.created)
}

// MutexClient counts behind a sync.Mutex.
type MutexClient struct {
	mutex sync.Mutex
	plain
}

// NewMutexClient makes one with everything at 0.
func NewMutexClient() *MutexClient { return &MutexClient{plain: plain{created: time.Now()}} }

// CountRequests counts n requests.
func (c *MutexClient) CountRequests(class int, n uint64) {
	c.mutex.Lock()
	c.known.Requests[class] += n
	c.mutex.Unlock()
}

// CountResponse counts a response.
func (c *MutexClient) CountResponse(code int) {
	c.mutex.Lock()
	c.countResponse(code)
	c.mutex.Unlock()
}

// CountLines counts lines and follows the peak of the drop rate.
func (c *MutexClient) CountLines(pipeline int, read, dropped uint64) {
	c.mutex.Lock()
	c.countLines(pipeline, read, dropped)
	c.mutex.Unlock()
}

// Responses tells how many had that code.
func (c *MutexClient) Responses(code int) uint64 {
	c.mutex.Lock()
	n := c.countOf(code)
	c.mutex.Unlock()
	return n
}

// Summarize reads all.
func (c *MutexClient) Summarize(into *Summary) {
	c.mutex.Lock()
	c.summarize(into)
	c.mutex.Unlock()
	into.Uptime = time.Since(c.created)
}
