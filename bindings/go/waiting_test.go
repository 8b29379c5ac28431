// SPDX-License-Identifier: MIT OR Apache-2.0

package afflux_test

import (
	"context"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/afflux/afflux/bindings/go"
	"github.com/afflux/afflux/bindings/go/internal/foreign"
)

// threads is how many the process has; 0 where the system does not tell.
func threads(t *testing.T) int {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Skip("no /proc/self/status")
	}
	_, rest, _ := strings.Cut(string(status), "\nThreads:")
	line, _, _ := strings.Cut(rest, "\n")
	n, err := strconv.Atoi(strings.TrimSpace(line))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestWaitingGoroutinesHoldNoThread(t *testing.T) {
	const waiting = 100_000
	sem := afflux.NewWeighted(1)
	sem.Acquire(background, 1)
	runtime.GC()
	before := threads(t)
	var all sync.WaitGroup
	ctx, cancel := context.WithCancel(background)
	defer cancel()
	for i := 0; i < waiting; i++ {
		c := background
		if i%2 == 0 {
			c = ctx
		}
		all.Add(1)
		go func() {
			defer all.Done()
			if err := sem.Acquire(c, 1); err != nil {
				t.Error(err)
				return
			}
			sem.Release(1)
		}()
	}
	waitFor(func() bool { return sem.Waiters() == waiting })
	// The garbage collector and calls that take long may have started some.
	if now := threads(t); now > before+50 {
		t.Errorf("%d threads before, %d with %d waiting goroutines", before, now, waiting)
	}
	sem.Release(1)
	all.Wait()
	checkIdle(t, sem)
	if st := sem.Stats(); st.Granted != waiting || st.PeakWaiters != waiting {
		t.Errorf("%+v", st)
	}
}

func TestOrderIsFirstInFirstOut(t *testing.T) {
	t.Parallel()
	const waiting = 200
	sem := afflux.NewWeighted(1)
	sem.Acquire(background, 1)
	var order []int // guarded by the permit: -race checks that
	var all sync.WaitGroup
	for i := 0; i < waiting; i++ {
		i := i
		all.Add(1)
		go func() {
			defer all.Done()
			sem.Acquire(background, 1)
			order = append(order, i)
			sem.Release(1)
		}()
		waitFor(func() bool { return sem.Waiters() == int64(i+1) })
	}
	sem.Release(1)
	all.Wait()
	for i, who := range order {
		if i != who {
			t.Fatalf("%d came as number %d", who, i)
		}
	}
	checkIdle(t, sem)
}

// The race detector must see that permits order what is done under them, on each path.
func TestPermitsOrderMemory(t *testing.T) {
	t.Parallel()
	sem := afflux.NewWeighted(1)
	const goroutines, loops = 8, 2000
	count := 0
	var all sync.WaitGroup
	for g := 0; g < goroutines; g++ {
		g := g
		all.Add(1)
		go func() {
			defer all.Done()
			for i := 0; i < loops; i++ {
				switch g % 3 {
				case 0:
					sem.Acquire(background, 1)
				case 1:
					for !sem.TryAcquire(1) {
						runtime.Gosched()
					}
				case 2:
					if err := sem.AcquireWith(background, afflux.Request{Priority: afflux.PriorityHigh,
						Timeout: time.Hour}); err != nil {
						t.Error(err)
					}
				}
				count++
				if i%16 == 0 {
					runtime.Gosched()
				}
				sem.Release(1)
			}
		}()
	}
	all.Wait()
	if count != goroutines*loops {
		t.Errorf("counted %d", count)
	}
	checkIdle(t, sem)
}

// Cancels that meet releases: no permit is lost, and none is made.
func TestCancelRaces(t *testing.T) {
	t.Parallel()
	for _, queue := range []afflux.Queue{afflux.QueueAuto, afflux.QueueLockFree, afflux.QueueHybrid,
		afflux.QueueMutex} {
		sem, err := afflux.New(afflux.Options{Permits: 2, Queue: queue})
		if err != nil {
			t.Fatal(err)
		}
		var held, granted, cancelled atomic.Int64
		var all sync.WaitGroup
		for g := 0; g < 8; g++ {
			g := g
			all.Add(1)
			go func() {
				defer all.Done()
				for i := 0; i < 1500; i++ {
					yields := i % 3
					ctx, cancel := context.WithCancel(background)
					go func() {
						for k := 0; k < yields; k++ {
							runtime.Gosched()
						}
						cancel()
					}()
					n := int64(1 + (g+i)%2)
					switch err := sem.Acquire(ctx, n); err {
					case nil:
						if h := held.Add(n); h > 2 {
							t.Errorf("%d are held", h)
						}
						granted.Add(1)
						runtime.Gosched()
						held.Add(-n)
						sem.Release(n)
					case context.Canceled:
						cancelled.Add(1)
					default:
						t.Error(err)
					}
				}
			}()
		}
		all.Wait()
		checkIdle(t, sem)
		if granted.Load() == 0 || cancelled.Load() == 0 {
			t.Errorf("%d granted, %d cancelled", granted.Load(), cancelled.Load())
		}
	}
}

// One release lets many in, whom it completes in one call.
func TestOneReleaseForMany(t *testing.T) {
	t.Parallel()
	const waiting = 1000
	sem := afflux.NewWeighted(waiting)
	sem.Acquire(background, waiting)
	var all sync.WaitGroup
	for i := 0; i < waiting; i++ {
		all.Add(1)
		go func() {
			defer all.Done()
			sem.Acquire(background, 1)
		}()
	}
	waitFor(func() bool { return sem.Waiters() == waiting })
	sem.Release(waiting)
	all.Wait()
	sem.Release(waiting)
	checkIdle(t, sem)
}

// Completions on threads that are not in a call from Go come by a call into Go.
func TestForeignThreadReleases(t *testing.T) {
	t.Parallel()
	const waiting = 500
	sem := afflux.NewWeighted(waiting)
	sem.Acquire(background, waiting)
	var all sync.WaitGroup
	for i := 0; i < waiting; i++ {
		all.Add(1)
		go func() {
			defer all.Done()
			if err := sem.Acquire(background, 1); err != nil {
				t.Error(err)
			}
		}()
	}
	waitFor(func() bool { return sem.Waiters() == waiting })
	if status := foreign.Release(sem.Handle(), 1, waiting).Join(); status != 0 {
		t.Errorf("status %d", status)
	}
	all.Wait()
	sem.Release(waiting)
	checkIdle(t, sem)
}

func TestOneQueueWithForeignThreads(t *testing.T) {
	t.Parallel()
	const loops = 3000
	sem := afflux.NewWeighted(1)
	turns := []foreign.Thread{
		foreign.TakeTurns(sem.Handle(), 1, loops),
		foreign.TakeTurns(sem.Handle(), 1, loops),
	}
	var all sync.WaitGroup
	for g := 0; g < 4; g++ {
		all.Add(1)
		go func() {
			defer all.Done()
			for i := 0; i < loops; i++ {
				ctx, cancel := context.WithCancel(background)
				if i%8 == 0 {
					go cancel()
				}
				if err := sem.Acquire(ctx, 1); err == nil {
					sem.Release(1)
				}
				cancel()
			}
		}()
	}
	all.Wait()
	for _, turn := range turns {
		if status := turn.Join(); status != 0 {
			t.Errorf("status %d", status)
		}
	}
	checkIdle(t, sem)
}

// Arrival order holds across languages: a thread that came first is first.
func TestForeignThreadStandsInTheSameLine(t *testing.T) {
	t.Parallel()
	sem := afflux.NewWeighted(1)
	sem.Acquire(background, 1)
	thread := foreign.Acquire(sem.Handle(), 1)
	waitFor(func() bool { return sem.Waiters() == 1 })
	mine := make(chan error, 1)
	go func() { mine <- sem.Acquire(background, 1) }()
	waitFor(func() bool { return sem.Waiters() == 2 })
	sem.Release(1)
	if status := thread.Join(); status != 0 {
		t.Errorf("status %d", status)
	}
	if sem.Waiters() != 1 {
		t.Error("the goroutine overtook the thread")
	}
	sem.Release(1) // what the thread got
	if err := <-mine; err != nil {
		t.Error(err)
	}
	sem.Release(1)
	checkIdle(t, sem)
}

func TestSharedHandle(t *testing.T) {
	t.Parallel()
	first := afflux.NewWeighted(1)
	second := afflux.FromHandle(first.Handle())
	shared := 0
	first.Acquire(background, 1)
	got := make(chan struct{})
	go func() {
		second.Acquire(background, 1)
		shared++ // -race: ordered by the permit, of which two Go objects tell
		second.Release(1)
		close(got)
	}()
	waitFor(func() bool { return first.Waiters() == 1 })
	shared++
	first.Unref()
	second.Release(1)
	<-got
	if shared != 2 {
		t.Error(shared)
	}
	checkIdle(t, second)
	mustPanic(t, "a use after Unref", func() { first.TryAcquire(1) })
	mustPanic(t, "FromHandle(nil)", func() { afflux.FromHandle(nil) })
	first.Unref() // does nothing
}

func TestTimeouts(t *testing.T) {
	t.Parallel()
	sem, err := afflux.New(afflux.Options{Permits: 1, WaiterTimeout: 2 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	sem.Acquire(background, 1)
	// By the timer's thread, which calls into Go.
	if err := sem.Acquire(background, 1); err != afflux.ErrTimeout {
		t.Error(err)
	}
	err = sem.AcquireWith(background, afflux.Request{Timeout: time.Millisecond})
	if err != afflux.ErrTimeout || !err.(interface{ Timeout() bool }).Timeout() {
		t.Error(err)
	}
	if err := sem.TryAcquireWith(afflux.Request{Timeout: time.Hour}); err != afflux.ErrWouldWait {
		t.Error(err)
	}
	sem.Release(1)
	checkIdle(t, sem)
	if st := sem.Stats(); st.TimedOut != 2 || st.TryFailed != 1 {
		t.Errorf("%+v", st)
	}
}

func TestManyTimeouts(t *testing.T) {
	t.Parallel()
	sem := afflux.NewWeighted(1)
	sem.Acquire(background, 1)
	var all sync.WaitGroup
	for i := 0; i < 1000; i++ {
		i := i
		all.Add(1)
		go func() {
			defer all.Done()
			limit := time.Millisecond * time.Duration(1+i%5)
			if err := sem.AcquireWith(background, afflux.Request{Timeout: limit}); err !=
				afflux.ErrTimeout {
				t.Error(err)
			}
		}()
	}
	all.Wait()
	sem.Release(1)
	checkIdle(t, sem)
}

// A limit of 0 is a pause: what comes meanwhile is let in when the limit grows, and ended by a close.
func TestAcquireDuringAPause(t *testing.T) {
	s := create(t, afflux.Options{Permits: 2})
	if err := s.Resize(0); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 3)
	for n := int64(1); n <= 3; n++ {
		n := n
		go func() {
			err := s.Acquire(context.Background(), n)
			if err == nil {
				s.Release(n)
			}
			done <- err
		}()
	}
	if _, err := s.ResizeBy(1); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if err := s.Resize(2); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != afflux.ErrClosed {
		t.Fatal(err)
	}
	checkIdle(t, s)
}
