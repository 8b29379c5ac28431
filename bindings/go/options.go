// SPDX-License-Identifier: MIT OR Apache-2.0

package afflux

// #include <afflux/afflux.h>
import "C"

import "time"

// Queue is where a newcomer is left while another thread is at the line ([Options].Queue). All
// else is the same with each.
type Queue uint32

// The queue strategies.
const (
	QueueAuto      Queue = C.AFFLUX_QUEUE_AUTO // what measurement recommends
	QueueIntrusive Queue = C.AFFLUX_QUEUE_INTRUSIVE
	QueueLockFree  Queue = C.AFFLUX_QUEUE_LOCKFREE
	QueueHybrid    Queue = C.AFFLUX_QUEUE_HYBRID
	QueueMutex     Queue = C.AFFLUX_QUEUE_MUTEX
)

// Fairness tells who may go first ([Options].Fairness).
type Fairness uint32

// The kinds of fairness.
const (
	// Fair: no newcomer overtakes a request that waits, TryAcquire included.
	Fair Fairness = C.AFFLUX_FAIR
	// Throughput: newcomers may take free permits past those that wait, within a bound.
	Throughput Fairness = C.AFFLUX_THROUGHPUT
)

// Overflow tells what happens at a queue limit ([Options].Overflow).
type Overflow uint32

// What happens at a queue limit.
const (
	// Suspend: newcomers wait all the same. The limits are marks for [Semaphore.Health].
	Suspend Overflow = C.AFFLUX_OVERFLOW_SUSPEND
	// DropNewest: the newcomer gets [ErrRejected].
	DropNewest Overflow = C.AFFLUX_OVERFLOW_DROP_NEWEST
	// DropOldest: the oldest request of the lowest priority present gets [ErrRejected].
	DropOldest Overflow = C.AFFLUX_OVERFLOW_DROP_OLDEST
	// Fail is the same as DropNewest.
	Fail Overflow = C.AFFLUX_OVERFLOW_FAIL
)

// Good values of [Options].ShedTarget and ShedInterval.
const (
	DefaultShedTarget   time.Duration = C.AFFLUX_SHED_TARGET_NS   // 5 ms
	DefaultShedInterval time.Duration = C.AFFLUX_SHED_INTERVAL_NS // 100 ms
)

// Statistics tells what a semaphore counts ([Options].Statistics).
type Statistics uint32

// What a semaphore counts.
const (
	StatisticsDefault  Statistics = C.AFFLUX_STATS_DEFAULT  // StatisticsCounters
	StatisticsOff      Statistics = C.AFFLUX_STATS_OFF      // nothing
	StatisticsCounters Statistics = C.AFFLUX_STATS_COUNTERS // totals
	StatisticsFull     Statistics = C.AFFLUX_STATS_FULL     // histograms of times, too
)

// Options tell [New] how to create a semaphore. The zero value of each field but Permits is its
// default.
type Options struct {
	// Permits is the limit, 0 … MaxPermits. With 0 nothing is let in until a Resize: Acquire waits
	// for that, and AcquireWith if Request.WaitForResize is set.
	Permits int64
	// Name is what Semaphore.Name and the exposition tell; UTF-8 without NUL.
	Name string

	Queue    Queue
	Fairness Fairness

	// Overflow is what happens where MaxWaiters or MaxQueueBytes would be passed.
	Overflow Overflow
	// MaxWaiters bounds the requests that wait; 0: no bound.
	MaxWaiters uint64
	// MaxQueueBytes bounds the sum of Request.CostBytes of those that wait; 0: no bound.
	MaxQueueBytes uint64
	// WaiterTimeout is the longest wait of a request without a time limit of its own; 0: no limit.
	WaiterTimeout time.Duration

	// ShedTarget sheds the queue: a request that has waited too long gets [ErrRejected] instead of its
	// permits, for its caller has most likely given up. Too long is longer than ShedInterval; and longer
	// than ShedTarget while the queue stands, which is once it has not been empty for ShedInterval. So a
	// burst is served, and a queue that does not go away is kept short. No timer sheds, but calls that
	// release or queue. 0: no request is shed; [DefaultShedTarget] is a good one. Not with a [Tenant].
	ShedTarget time.Duration
	// ShedInterval is ShedTarget or longer; 0 with a ShedTarget: [DefaultShedInterval].
	ShedInterval time.Duration
	// AdaptiveLIFO lets the newest request of a priority go first while the queue stands, so that those
	// who are served have hardly waited. Only with ShedTarget, and not with Throughput.
	AdaptiveLIFO bool

	Statistics Statistics
	// Ledger is how many holders of a Permit Semaphore.Holders remembers, 0 … 65,536.
	Ledger uint32

	// OnSlowWait is told of each request that was granted after it had waited for SlowWait or
	// longer, in a goroutine of its own, as long as the Semaphore that New returned is reachable. It
	// must not refer to that, which would then never be freed. It needs statistics.
	OnSlowWait func(SlowWait)
	// SlowWait is of no effect without OnSlowWait.
	SlowWait time.Duration
}
