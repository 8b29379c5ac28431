// SPDX-License-Identifier: MIT OR Apache-2.0

package afflux_test

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/afflux/afflux/bindings/go"
	"github.com/afflux/afflux/bindings/go/internal/foreign"
)

func create(t *testing.T, options afflux.Options) *afflux.Semaphore {
	t.Helper()
	s, err := afflux.New(options)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestVersion(t *testing.T) {
	if afflux.Version() == "" {
		t.Error("no version")
	}
}

func TestNewRefusesBadOptions(t *testing.T) {
	t.Parallel()
	for _, bad := range []afflux.Options{
		{Permits: -1}, {Permits: afflux.MaxPermits + 1}, {WaiterTimeout: -1}, {SlowWait: -1},
		{Name: "a\x00b"}, {Queue: 99}, {Fairness: 9}, {Overflow: 9}, {Statistics: 9},
		{Ledger: 65537},
		{Statistics: afflux.StatisticsOff, OnSlowWait: func(afflux.SlowWait) {}},
	} {
		if s, err := afflux.New(bad); s != nil || !errors.Is(err, afflux.ErrInvalid) {
			t.Errorf("%+v: %v", bad, err)
		}
	}
	s := create(t, afflux.Options{Permits: afflux.MaxPermits, Name: "größte"})
	if s.Limit() != afflux.MaxPermits || s.Name() != "größte" || s.Queue() == afflux.QueueAuto {
		t.Error(s.Limit(), s.Name(), s.Queue())
	}
}

func TestErrorsExplainThemselves(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, e := range []afflux.Error{afflux.ErrWouldWait, afflux.ErrTimeout, afflux.ErrClosed,
		afflux.ErrRejected, afflux.ErrAlready, afflux.ErrInvalid, afflux.ErrOverflow,
		afflux.ErrNoMemory, afflux.ErrNotSupported, afflux.ErrSystem, afflux.ErrTooBig} {
		text := e.Error()
		if seen[text] || len(text) <= len("afflux: ") {
			t.Errorf("%d: %q", e, text)
		}
		seen[text] = true
	}
}

// A free pair allocates nothing, and makes no call: that is what the fast path is for.
func TestFreePairAllocatesNothing(t *testing.T) {
	sem := afflux.NewWeighted(3)
	ctx, cancel := context.WithCancel(background)
	defer cancel()
	if n := testing.AllocsPerRun(1000, func() {
		sem.TryAcquire(2)
		sem.Release(2)
		sem.Acquire(ctx, 1)
		sem.Release(1)
		sem.AcquireWith(ctx, afflux.Request{Priority: afflux.PriorityHigh})
		sem.Release(1)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// What is taken inline is in the totals, exactly: more than 64 acquires, for the word counts to 32.
func TestStatisticsAreExactAtRest(t *testing.T) {
	t.Parallel()
	for _, kind := range []afflux.Statistics{afflux.StatisticsDefault, afflux.StatisticsFull} {
		sem := create(t, afflux.Options{Permits: 1000, Statistics: kind})
		const goroutines, loops = 4, 5000
		var all sync.WaitGroup
		for g := 0; g < goroutines; g++ {
			g := int64(g)
			all.Add(1)
			go func() {
				defer all.Done()
				for i := int64(0); i < loops; i++ {
					if !sem.TryAcquire(1 + (g+i)%3) {
						t.Error("no permit")
					}
					sem.Release(1 + (g+i)%3)
				}
			}()
		}
		all.Wait()
		var permits uint64
		for g := int64(0); g < goroutines; g++ {
			for i := int64(0); i < loops; i++ {
				permits += uint64(1 + (g+i)%3)
			}
		}
		st := sem.Stats()
		if st.AcquiredFast != permits || st.Released != permits ||
			st.RequestsFast != goroutines*loops || st.Queued != 0 || st.Held != 0 {
			t.Errorf("%d permits: %+v", permits, st)
		}
		if st.PeakHeld < 3 || st.PeakHeld > 12 {
			t.Errorf("peak %d", st.PeakHeld)
		}
		sem.TryAcquire(700)
		if peak := sem.Stats().PeakHeld; peak != 700 {
			t.Errorf("peak %d", peak)
		}
	}
}

// Where the block is of an unknown layout each acquire and release makes the call.
func TestWithoutTheFastPath(t *testing.T) {
	t.Parallel()
	sem := afflux.NewWeighted(3)
	sem.MakeCalls()
	var all sync.WaitGroup
	for g := 0; g < 4; g++ {
		all.Add(1)
		go func() {
			defer all.Done()
			for i := 0; i < 1000; i++ {
				sem.Acquire(background, 2)
				sem.Release(2)
				if sem.TryAcquire(1) {
					sem.Release(1)
				}
			}
		}()
	}
	all.Wait()
	checkIdle(t, sem)
	if st := sem.Stats(); st.RequestsFast+st.Granted+st.TryFailed != 8000 {
		t.Errorf("%+v", st)
	}
	mustPanic(t, "Release of more than held", func() { sem.Release(1) })
}

func TestStatisticsOff(t *testing.T) {
	t.Parallel()
	sem := create(t, afflux.Options{Permits: 2, Statistics: afflux.StatisticsOff})
	for i := 0; i < 100; i++ {
		if !sem.TryAcquire(2) {
			t.Fatal("no permit")
		}
		sem.Release(2)
	}
	if st := sem.Stats(); st.AcquiredFast != 0 || st.Available != 2 {
		t.Errorf("%+v", st)
	}
	checkIdle(t, sem)
}

func TestClose(t *testing.T) {
	t.Parallel()
	sem := afflux.NewWeighted(1)
	sem.Acquire(background, 1)
	waiting := make(chan error)
	go func() { waiting <- sem.Acquire(background, 1) }()
	idle := make(chan error)
	go func() { idle <- sem.WaitIdle(background) }()
	waitFor(func() bool { return sem.Waiters() == 1 })
	if err := sem.Close(); err != nil || !sem.IsClosed() {
		t.Error(err)
	}
	if err := <-waiting; err != afflux.ErrClosed {
		t.Error(err)
	}
	if err := sem.Acquire(background, 1); err != afflux.ErrClosed {
		t.Error(err)
	}
	if err := sem.Acquire(background, 0); err != afflux.ErrClosed {
		t.Error(err)
	}
	if sem.TryAcquire(1) || sem.TryAcquire(0) {
		t.Error("a permit of a closed semaphore")
	}
	if err := sem.Close(); err != afflux.ErrAlready {
		t.Error(err)
	}
	select {
	case err := <-idle:
		t.Errorf("idle with a permit held: %v", err)
	default:
	}
	sem.Release(1)
	if err := <-idle; err != nil {
		t.Error(err)
	}
	checkIdle(t, sem)
}

func TestWaitIdleIsCancelled(t *testing.T) {
	t.Parallel()
	sem := afflux.NewWeighted(1)
	if err := sem.WaitIdle(background); err != nil {
		t.Error(err)
	}
	sem.Acquire(background, 1)
	ctx, cancel := context.WithCancel(background)
	idle := make(chan error)
	go func() { idle <- sem.WaitIdle(ctx) }()
	go cancel()
	if err := <-idle; err != context.Canceled {
		t.Error(err)
	}
	if err := sem.WaitIdle(ctx); err != context.Canceled {
		t.Error(err)
	}
	sem.Release(1)
}

func TestUnref(t *testing.T) {
	t.Parallel()
	sem := afflux.NewWeighted(1)
	sem.Acquire(background, 1)
	waiting := make(chan error)
	for i := 0; i < 10; i++ {
		go func() { waiting <- sem.Acquire(background, 1) }()
	}
	waitFor(func() bool { return sem.Waiters() == 10 })
	thread := foreign.Acquire(sem.Handle(), 1)
	waitFor(func() bool { return sem.Waiters() == 11 })
	sem.Close()
	for i := 0; i < 10; i++ {
		if err := <-waiting; err != afflux.ErrClosed {
			t.Error(err)
		}
	}
	if status := thread.Join(); afflux.Error(status) != afflux.ErrClosed {
		t.Errorf("status %d", status)
	}
	sem.Unref()
	sem.Unref() // does nothing
	mustPanic(t, "TryAcquire after Unref", func() { sem.TryAcquire(1) })
	mustPanic(t, "Release after Unref", func() { sem.Release(1) })
	mustPanic(t, "Acquire after Unref", func() { sem.Acquire(background, 1) })
	mustPanic(t, "Stats after Unref", func() { sem.Stats() })
}

// Without a garbage collection: the last reference ends the wait of a C thread.
func TestUnrefDropsTheReference(t *testing.T) {
	t.Parallel()
	sem := afflux.NewWeighted(1)
	sem.Acquire(background, 1)
	thread := foreign.Acquire(sem.Handle(), 1)
	waitFor(func() bool { return sem.Waiters() == 1 })
	sem.Unref()
	if status := thread.Join(); afflux.Error(status) != afflux.ErrClosed {
		t.Errorf("status %d", status)
	}
}

func TestResize(t *testing.T) {
	t.Parallel()
	sem := afflux.NewWeighted(1)
	if err := sem.AcquireWith(background, afflux.Request{Permits: 2}); err != afflux.ErrTooBig {
		t.Error(err)
	}
	patient := make(chan error)
	go func() {
		patient <- sem.AcquireWith(background, afflux.Request{Permits: 3, WaitForResize: true})
	}()
	waitFor(func() bool { return sem.Waiters() == 1 })
	if n, err := sem.ResizeBy(2); n != 3 || err != nil {
		t.Error(n, err)
	}
	if err := <-patient; err != nil {
		t.Error(err)
	}
	impossible := make(chan error)
	go func() { impossible <- sem.Acquire(background, 2) }()
	waitFor(func() bool { return sem.Waiters() == 1 })
	if err := sem.Resize(1); err != nil {
		t.Error(err)
	}
	if err := <-impossible; err != afflux.ErrTooBig {
		t.Error(err)
	}
	if h := sem.Health(); h.Reasons&afflux.HealthDebt == 0 || !h.Healthy {
		t.Errorf("%+v", h)
	}
	sem.Release(3)
	if _, err := sem.ResizeBy(-2); err != afflux.ErrOverflow {
		t.Error(err)
	}
	if !errors.Is(sem.Resize(-1), afflux.ErrInvalid) {
		t.Error("a negative limit")
	}
	checkIdle(t, sem)
}

func TestDrainAndUpTo(t *testing.T) {
	t.Parallel()
	sem := afflux.NewWeighted(10)
	if n, err := sem.TryAcquireUpTo(2, 4); n != 4 || err != nil {
		t.Error(n, err)
	}
	if n, err := sem.Drain(); n != 6 || err != nil {
		t.Error(n, err)
	}
	if n, err := sem.Drain(); n != 0 || err != nil {
		t.Error(n, err)
	}
	if _, err := sem.TryAcquireUpTo(1, 2); err != afflux.ErrWouldWait {
		t.Error(err)
	}
	if n, err := sem.TryAcquireUpTo(0, 2); n != 0 || err != nil {
		t.Error(n, err)
	}
	if _, err := sem.TryAcquireUpTo(11, 12); err != afflux.ErrTooBig {
		t.Error(err)
	}
	if _, err := sem.TryAcquireUpTo(3, 2); !errors.Is(err, afflux.ErrInvalid) {
		t.Error(err)
	}
	sem.Release(10)
	checkIdle(t, sem)
	sem.Close()
	if _, err := sem.Drain(); err != afflux.ErrClosed {
		t.Error(err)
	}
}

func TestPriorities(t *testing.T) {
	t.Parallel()
	sem := afflux.NewWeighted(1)
	sem.Acquire(background, 1)
	var order []afflux.Priority
	var all sync.WaitGroup
	levels := []afflux.Priority{afflux.PriorityLow, afflux.PriorityNormal, afflux.PriorityCritical,
		afflux.PriorityHigh}
	for i, level := range levels {
		level := level
		all.Add(1)
		go func() {
			defer all.Done()
			if err := sem.AcquireWith(background, afflux.Request{Priority: level}); err != nil {
				t.Error(err)
			}
			order = append(order, level)
			sem.Release(1)
		}()
		waitFor(func() bool { return sem.Waiters() == int64(i+1) })
	}
	sem.Release(1)
	all.Wait()
	want := []afflux.Priority{afflux.PriorityCritical, afflux.PriorityHigh, afflux.PriorityNormal,
		afflux.PriorityLow}
	for i := range want {
		if order[i] != want[i] {
			t.Fatalf("%v", order)
		}
	}
}

func TestRequestsAreValidated(t *testing.T) {
	t.Parallel()
	sem := afflux.NewWeighted(1)
	for _, bad := range []afflux.Request{{Permits: -1}, {Timeout: -1}, {Priority: 3},
		{Priority: -2}} {
		if err := sem.AcquireWith(background, bad); !errors.Is(err, afflux.ErrInvalid) {
			t.Errorf("%+v: %v", bad, err)
		}
	}
	if _, err := sem.AcquirePermit(background, afflux.Request{Tag: "a\x00"}); !errors.Is(err,
		afflux.ErrInvalid) {
		t.Error(err)
	}
	checkIdle(t, sem)
}

func TestOverflow(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		overflow          afflux.Overflow
		newcomer, waiting error
	}{
		{afflux.DropNewest, afflux.ErrRejected, nil},
		{afflux.Fail, afflux.ErrRejected, nil},
		{afflux.DropOldest, nil, afflux.ErrRejected},
	} {
		sem := create(t, afflux.Options{Permits: 1, Overflow: c.overflow, MaxWaiters: 1})
		sem.Acquire(background, 1)
		waiting, newcomer := make(chan error, 1), make(chan error, 1)
		go func() { waiting <- sem.Acquire(background, 1) }()
		waitFor(func() bool { return sem.Waiters() == 1 })
		go func() { newcomer <- sem.Acquire(background, 1) }()
		if c.waiting != nil {
			if err := <-waiting; err != c.waiting {
				t.Error(err)
			}
			sem.Release(1)
			if err := <-newcomer; err != c.newcomer {
				t.Error(err)
			}
		} else {
			if err := <-newcomer; err != c.newcomer {
				t.Error(err)
			}
			sem.Release(1)
			if err := <-waiting; err != c.waiting {
				t.Error(err)
			}
		}
		sem.Release(1)
		checkIdle(t, sem)
	}
	sem := create(t, afflux.Options{Permits: 1, Overflow: afflux.Fail, MaxQueueBytes: 100})
	sem.Acquire(background, 1)
	if err := sem.AcquireWith(background, afflux.Request{CostBytes: 101}); err !=
		afflux.ErrRejected {
		t.Error(err)
	}
	sem.Release(1)
}

func TestThroughput(t *testing.T) {
	t.Parallel()
	sem := create(t, afflux.Options{Permits: 2, Fairness: afflux.Throughput})
	sem.Acquire(background, 1)
	waiting := make(chan error)
	go func() { waiting <- sem.Acquire(background, 2) }()
	waitFor(func() bool { return sem.Waiters() == 1 })
	if !sem.TryAcquire(1) {
		t.Error("a newcomer could not pass one that does not fit")
	}
	sem.Release(2)
	if err := <-waiting; err != nil {
		t.Error(err)
	}
	sem.Release(2)
	checkIdle(t, sem)
}

func TestSlowWait(t *testing.T) {
	t.Parallel()
	told := make(chan afflux.SlowWait, 1)
	sem := create(t, afflux.Options{Permits: 1, SlowWait: time.Nanosecond,
		Statistics: afflux.StatisticsFull, OnSlowWait: func(w afflux.SlowWait) { told <- w }})
	sem.Acquire(background, 1)
	go func() {
		sem.AcquireWith(background, afflux.Request{Priority: afflux.PriorityHigh})
	}()
	waitFor(func() bool { return sem.Stats().OldestWait > 10*time.Microsecond })
	sem.Release(1)
	if w := <-told; w.Permits != 1 || w.Priority != afflux.PriorityHigh || w.Wait <= 0 {
		t.Errorf("%+v", w)
	}
	h, err := sem.WaitTimes()
	if err != nil || h.Count() != 1 || h.Max() <= 0 || h.Quantile(1) > h.Max() || h.Sum() != h.Max() {
		t.Errorf("%v: %d %v", err, h.Count(), h.Max())
	}
	buckets := 0
	h.Buckets(func(upTo time.Duration, count uint64) bool {
		buckets++
		if count != 1 || upTo < h.Max() {
			t.Error(upTo, count)
		}
		return true
	})
	if buckets != 1 {
		t.Error(buckets)
	}
	sem.Release(1)
	if _, err := afflux.NewWeighted(1).HoldTimes(); err != afflux.ErrNotSupported {
		t.Error(err)
	}
}

func TestHealth(t *testing.T) {
	t.Parallel()
	sem := create(t, afflux.Options{Permits: 1, MaxWaiters: 1})
	if h := sem.Health(); !h.Healthy || h.Reasons != 0 {
		t.Errorf("%+v", h)
	}
	sem.Acquire(background, 1)
	ctx, cancel := context.WithCancel(background)
	var all sync.WaitGroup
	for i := 0; i < 2; i++ {
		all.Add(1)
		go func() {
			defer all.Done()
			sem.AcquireWith(ctx, afflux.Request{CostBytes: 10})
		}()
	}
	waitFor(func() bool { return sem.Waiters() == 2 })
	if h := sem.Health(); h.Healthy || h.Reasons != afflux.HealthWaiters || h.Waiters != 2 {
		t.Errorf("%+v", h)
	}
	h, err := sem.HealthAgainst(afflux.HealthLimits{MaxQueueBytes: 19, MaxWaiters: 2})
	if err != nil || h.Reasons != afflux.HealthQueueBytes || h.QueueBytes != 20 {
		t.Errorf("%v %+v", err, h)
	}
	if _, err := sem.HealthAgainst(afflux.HealthLimits{MaxWait: -1}); !errors.Is(err,
		afflux.ErrInvalid) {
		t.Error(err)
	}
	cancel()
	all.Wait()
	sem.Close()
	if h := sem.Health(); h.Reasons != afflux.HealthClosed {
		t.Errorf("%+v", h)
	}
}

// A semaphore that is not reachable any more is freed: the last reference ends the wait of a C thread.
func TestFinalizerDropsTheReference(t *testing.T) {
	thread := func() foreign.Thread {
		sem := afflux.NewWeighted(1)
		sem.Acquire(background, 1)
		thread := foreign.Acquire(sem.Handle(), 1)
		waitFor(func() bool { return sem.Waiters() == 1 })
		return thread
	}()
	status := make(chan int)
	go func() { status <- thread.Join() }()
	for {
		runtime.GC()
		select {
		case s := <-status:
			if afflux.Error(s) != afflux.ErrClosed {
				t.Errorf("status %d", s)
			}
			return
		default:
			runtime.Gosched()
		}
	}
}

// Waiters that the pool drops are freed, and their indexes used again.
func TestWaitersAreCollected(t *testing.T) {
	sem := afflux.NewWeighted(1)
	for round := 0; round < 5; round++ {
		sem.Acquire(background, 1)
		var all sync.WaitGroup
		for i := 0; i < 2000; i++ {
			all.Add(1)
			go func() {
				defer all.Done()
				sem.Acquire(background, 1)
				sem.Release(1)
			}()
		}
		waitFor(func() bool { return sem.Waiters() == 2000 })
		runtime.GC() // with all of them in use
		sem.Release(1)
		all.Wait()
		waitFor(func() bool { runtime.GC(); return afflux.FreeIndexes() > 1000 })
	}
	checkIdle(t, sem)
}
