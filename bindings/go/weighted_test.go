// SPDX-License-Identifier: MIT OR Apache-2.0

package afflux_test

// What golang.org/x/sync/semaphore promises, and its own tests ask, written anew: without sleeps, and
// with checks of the state afterwards.

import (
	"context"
	"errors"
	"math/rand"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/afflux/afflux/bindings/go"
)

var background = context.Background()

// mustPanic fails unless run panics.
func mustPanic(t *testing.T, what string, run func()) {
	t.Helper()
	defer func() {
		t.Helper()
		if recover() == nil {
			t.Errorf("%s did not panic", what)
		}
	}()
	run()
}

// waitFor yields until is answers true. A test that waits in vain ends by go test's own time limit.
func waitFor(is func() bool) {
	for !is() {
		runtime.Gosched()
	}
}

// checkIdle fails unless everything was given back, and the statistics are exact.
func checkIdle(t *testing.T, s *afflux.Semaphore) {
	t.Helper()
	if s.Held() != 0 || s.Available() != s.Limit() || s.Waiters() != 0 {
		t.Errorf("held %d, available %d of %d, waiters %d", s.Held(), s.Available(), s.Limit(),
			s.Waiters())
	}
	checkLaws(t, s)
}

// checkLaws fails unless the totals obey their two laws.
func checkLaws(t *testing.T, s *afflux.Semaphore) {
	t.Helper()
	st := s.Stats()
	if st.AcquiredFast+st.AcquiredAfterWait != st.Released+st.Held {
		t.Errorf("acquired %d + %d, released %d, held %d", st.AcquiredFast, st.AcquiredAfterWait,
			st.Released, st.Held)
	}
	if st.Queued != st.Waiters+st.Granted+st.Canceled+st.TimedOut+st.Dropped+st.ClosedOut+
		st.Impossible {
		t.Errorf("queued: %+v", st)
	}
}

func TestWeightedHammer(t *testing.T) {
	t.Parallel()
	n := runtime.GOMAXPROCS(0)
	loops := 20000 / n
	sem := afflux.NewWeighted(int64(n))
	var all sync.WaitGroup
	for i := 0; i < n; i++ {
		i := i
		all.Add(1)
		go func() {
			defer all.Done()
			for j := 0; j < loops; j++ {
				if err := sem.Acquire(background, int64(i)); err != nil {
					t.Error(err)
				}
				for k := rand.Intn(3); k > 0; k-- {
					runtime.Gosched()
				}
				sem.Release(int64(i))
			}
		}()
	}
	all.Wait()
	checkIdle(t, sem)
}

func TestWeightedPanics(t *testing.T) {
	t.Parallel()
	mustPanic(t, "Release of more than held", func() { afflux.NewWeighted(1).Release(1) })
	mustPanic(t, "a negative size", func() { afflux.NewWeighted(-1) })
	mustPanic(t, "a size above MaxPermits", func() { afflux.NewWeighted(afflux.MaxPermits + 1) })
	w := afflux.NewWeighted(1)
	mustPanic(t, "Acquire(-1)", func() { w.Acquire(background, -1) })
	mustPanic(t, "TryAcquire(-1)", func() { w.TryAcquire(-1) })
	mustPanic(t, "Release(-1)", func() { w.Release(-1) })
	w.TryAcquire(1)
	mustPanic(t, "Release(2) with 1 held", func() { w.Release(2) })
	w.Release(1)
	checkIdle(t, w)
	mustPanic(t, "the zero Semaphore", func() { new(afflux.Semaphore).TryAcquire(1) })
}

func TestWeightedZero(t *testing.T) {
	t.Parallel()
	w := afflux.NewWeighted(0)
	if !w.TryAcquire(0) || w.Acquire(background, 0) != nil {
		t.Error("zero permits of a semaphore of size zero were refused")
	}
	w.Release(0)
	ctx, cancel := context.WithCancel(background)
	cancel()
	if err := w.Acquire(ctx, 0); err != context.Canceled {
		t.Error(err)
	}
	mustPanic(t, "Acquire(-1) with a done context", func() { w.Acquire(ctx, -1) })
	if w.TryAcquire(1) {
		t.Error("a permit of a semaphore of size zero")
	}
	checkIdle(t, w)
}

func TestWeightedTryAcquire(t *testing.T) {
	t.Parallel()
	sem := afflux.NewWeighted(2)
	sem.Acquire(background, 1)
	tries := []bool{sem.TryAcquire(1), sem.TryAcquire(1)}
	sem.Release(2)
	tries = append(tries, sem.TryAcquire(1))
	sem.Acquire(background, 1)
	tries = append(tries, sem.TryAcquire(1))
	for i, want := range []bool{true, false, true, false} {
		if tries[i] != want {
			t.Errorf("tries[%d]: %t", i, tries[i])
		}
	}
	if st := sem.Stats(); st.TryFailed != 2 {
		t.Errorf("%d tries failed", st.TryFailed)
	}
}

func TestWeightedAcquire(t *testing.T) {
	t.Parallel()
	sem := afflux.NewWeighted(2)
	acquire := func(n int64) bool {
		ctx, cancel := context.WithTimeout(background, 10*time.Millisecond)
		defer cancel()
		return sem.Acquire(ctx, n) == nil
	}
	sem.Acquire(background, 1)
	tries := []bool{acquire(1), acquire(1)}
	sem.Release(2)
	tries = append(tries, acquire(1))
	sem.Acquire(background, 1)
	tries = append(tries, acquire(1))
	for i, want := range []bool{true, false, true, false} {
		if tries[i] != want {
			t.Errorf("tries[%d]: %t", i, tries[i])
		}
	}
}

func TestWeightedDoesntBlockIfTooBig(t *testing.T) {
	t.Parallel()
	const n = 2
	sem := afflux.NewWeighted(n)
	ctx, cancel := context.WithCancel(background)
	tooBig := make(chan error)
	go func() { tooBig <- sem.Acquire(ctx, n+1) }()
	var all sync.WaitGroup
	for i := n * 3; i > 0; i-- {
		all.Add(1)
		go func() {
			defer all.Done()
			if err := sem.Acquire(background, 1); err != nil {
				t.Error(err)
			}
			runtime.Gosched()
			sem.Release(1)
		}()
	}
	all.Wait()
	cancel()
	if err := <-tooBig; err != context.Canceled {
		t.Error(err)
	}
	checkIdle(t, sem)
}

// Ends by go test's time limit where a large request starves.
func TestLargeAcquireDoesntStarve(t *testing.T) {
	t.Parallel()
	n := int64(runtime.GOMAXPROCS(0)) + 2
	sem := afflux.NewWeighted(n)
	stop := make(chan struct{})
	var all sync.WaitGroup
	for i := n; i > 0; i-- {
		sem.Acquire(background, 1)
		all.Add(1)
		go func() {
			defer all.Done()
			for {
				select {
				case <-stop:
					sem.Release(1)
					return
				default:
				}
				runtime.Gosched()
				sem.Release(1)
				sem.Acquire(background, 1)
			}
		}()
	}
	sem.Acquire(background, n)
	close(stop)
	sem.Release(n)
	all.Wait()
	checkIdle(t, sem)
}

func TestAllocCancelDoesntStarve(t *testing.T) {
	t.Parallel()
	sem := afflux.NewWeighted(10)
	sem.Acquire(background, 1)
	ctx, cancel := context.WithCancel(background)
	large := make(chan error)
	go func() { large <- sem.Acquire(ctx, 10) }()
	waitFor(func() bool { return sem.Waiters() == 1 })
	go cancel()
	if err := sem.Acquire(background, 1); err != nil {
		t.Fatal(err)
	}
	if err := <-large; err != context.Canceled {
		t.Error(err)
	}
	sem.Release(2)
	checkIdle(t, sem)
}

func TestWeightedAcquireCanceled(t *testing.T) {
	t.Parallel()
	for i := 0; i < 200; i++ {
		sem := afflux.NewWeighted(2)
		ctx, cancel := context.WithCancel(background)
		sem.Acquire(background, 1)
		done := make(chan struct{})
		go func() {
			waitFor(func() bool { return sem.Waiters() == 1 })
			cancel()
			sem.Release(1)
			close(done)
		}()
		// The context is done before enough permits are free.
		if err := sem.Acquire(ctx, 2); err != context.Canceled {
			t.Errorf("a cancelled context: %v", err)
		}
		<-done
		if !sem.TryAcquire(2) {
			t.Fatal("a cancelled Acquire has kept permits")
		}
		sem.Release(2)
		// A context that is done already wins over free permits.
		if err := sem.Acquire(ctx, 1); err != context.Canceled {
			t.Errorf("a done context: %v", err)
		}
		checkIdle(t, sem)
	}
}

func TestContextErrors(t *testing.T) {
	t.Parallel()
	sem := afflux.NewWeighted(1)
	sem.Acquire(background, 1)
	ctx, cancel := context.WithTimeout(background, time.Millisecond)
	defer cancel()
	if err := sem.Acquire(ctx, 1); err != context.DeadlineExceeded {
		t.Error(err)
	}
	if err := sem.AcquireWith(ctx, afflux.Request{}); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
	sem.Release(1)
	checkIdle(t, sem)
}
