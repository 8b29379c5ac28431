// SPDX-License-Identifier: MIT OR Apache-2.0

package afflux_test

import (
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/afflux/afflux/bindings/go"
	"github.com/afflux/afflux/bindings/go/internal/foreign"
)

// What controls tell Go, and what other languages and the garbage collector do to them.

// It may block on what the change itself brings about, and call the control.
func TestOnChangeMayCallEverything(t *testing.T) {
	t.Parallel()
	sem := afflux.NewWeighted(1)
	var control *afflux.Control
	created, told := make(chan bool), make(chan error)
	options := aimd(1, 2)
	options.OnChange = func(change afflux.ControlChange) {
		<-created
		err := sem.Acquire(background, 2)
		if err == nil {
			err = control.Pause()
		}
		sem.Release(2)
		told <- err
	}
	control = steer(t, sem, options)
	close(created)
	permit, _ := sem.AcquirePermit(background, afflux.Request{})
	control.Release(permit, afflux.Served)
	if err := <-told; err != nil || !control.Stats().Paused {
		t.Error(err)
	}
	control.Unref() // OnChange refers to it
	checkIdle(t, sem)
}

func TestTheFirstLimitIsTold(t *testing.T) {
	t.Parallel()
	sem := afflux.NewWeighted(100)
	told := make(chan afflux.ControlChange, 1)
	options := aimd(1, 40)
	options.OnChange = func(change afflux.ControlChange) { told <- change }
	control := steer(t, sem, options)
	if change := <-told; change.Before != 100 || change.After != 40 {
		t.Error(change)
	}
	if s := control.Stats(); s.Lowered != 1 {
		t.Errorf("%+v", s)
	}
}

func TestControlByManyGoroutines(t *testing.T) {
	t.Parallel()
	const goroutines, each = 8, 1000
	sem := afflux.NewWeighted(20)
	var last, calls, wrong atomic.Int64
	last.Store(20)
	options := aimd(1, 40)
	options.OnChange = func(change afflux.ControlChange) {
		if calls.Add(1) != 1 || last.Load() != change.Before {
			wrong.Add(1)
		}
		runtime.Gosched() // a second call would come in here
		last.Store(change.After)
		calls.Add(-1)
	}
	control := steer(t, sem, options)
	var all sync.WaitGroup
	for g := 0; g < goroutines; g++ {
		g := g
		all.Add(1)
		go func() {
			defer all.Done()
			for i := 0; i < each; i++ {
				if i == each/2 && g == 0 {
					control.Pause()
					control.Resume()
				}
				outcome := afflux.Served
				if i%9 == 0 {
					outcome = afflux.Dropped
				}
				sem.Acquire(background, 1)
				if err := control.Sample(time.Millisecond, outcome); err != nil {
					t.Error(err)
				}
				sem.Release(1)
			}
		}()
	}
	all.Wait()
	s := control.Stats()
	if s.Served+s.Dropped != goroutines*each || s.Windows == 0 || s.Limit < 1 || s.Limit > 40 {
		t.Errorf("%+v", s)
	}
	waitFor(func() bool { return last.Load() == sem.Limit() })
	if wrong := wrong.Load(); wrong != 0 {
		t.Errorf("%d changes came out of order", wrong)
	}
	checkIdle(t, sem)
}

func TestForeignThreadSamples(t *testing.T) {
	t.Parallel()
	sem := afflux.NewWeighted(2)
	told := make(chan afflux.ControlChange, 1)
	options := aimd(1, 3)
	options.OnChange = func(change afflux.ControlChange) { told <- change }
	control := steer(t, sem, options)
	sem.TryAcquire(2)
	waits, large := make(chan error), make(chan error)
	go func() { waits <- sem.Acquire(background, 1) }()
	go func() { large <- sem.Acquire(background, 3) }()
	waitFor(func() bool { return sem.Waiters() == 1 })
	if s := foreign.Sample(control.Handle(), uint64(afflux.Served), 1).Join(); s != 0 {
		t.Error(afflux.Error(s))
	}
	if change := <-told; change.After != 3 {
		t.Error(change)
	}
	if err := <-waits; err != nil {
		t.Error(err)
	}
	sem.Release(3)
	if err := <-large; err != nil {
		t.Error(err)
	}
	sem.Release(3)
	checkIdle(t, sem)
}

func TestControlFromHandle(t *testing.T) {
	t.Parallel()
	sem := afflux.NewWeighted(10)
	ours := steer(t, sem, aimd(1, 10))
	theirs := afflux.ControlFromHandle(ours.Handle())
	sample(t, theirs, afflux.Dropped)
	if s := ours.Stats(); s.Dropped != 1 || s.Limit != 9 {
		t.Errorf("%+v", s)
	}
	ours.Unref()
	if _, err := afflux.NewControl(sem, aimd(1, 10)); err != afflux.ErrBusy {
		t.Error(err) // it steers still
	}
	sample(t, theirs, afflux.Dropped)
	checkLimit(t, sem, 8)
	theirs.Unref()
	steer(t, sem, aimd(1, 10))
	mustPanic(t, "nil", func() { afflux.ControlFromHandle(nil) })
}

// A control keeps the semaphore's memory: the last of the two closes it, which ends the wait of a C
// thread.
func TestControlKeepsTheSemaphore(t *testing.T) {
	t.Parallel()
	sem := afflux.NewWeighted(1)
	control := steer(t, sem, aimd(1, 1))
	sem.Acquire(background, 1)
	thread := foreign.Acquire(sem.Handle(), 1)
	waitFor(func() bool { return sem.Waiters() == 1 })
	sem.Unref()
	sample(t, control, afflux.Served)
	control.Unref()
	if s := afflux.Error(thread.Join()); s != afflux.ErrClosed {
		t.Error(s)
	}
}

// A control that is not reachable any more ends, and its semaphore can be freed then, too.
func TestFinalizerEndsTheControl(t *testing.T) {
	sem := afflux.NewWeighted(10)
	steer(t, sem, aimd(1, 10))
	waitFor(func() bool {
		runtime.GC()
		control, err := afflux.NewControl(sem, aimd(1, 10))
		if err == nil {
			control.Unref()
		}
		return err == nil
	})
	thread := func() foreign.Thread {
		sem := afflux.NewWeighted(1)
		steer(t, sem, aimd(1, 1))
		sem.Acquire(background, 1)
		thread := foreign.Acquire(sem.Handle(), 1)
		waitFor(func() bool { return sem.Waiters() == 1 })
		return thread
	}()
	status := make(chan int, 1)
	go func() { status <- thread.Join() }()
	waitFor(func() bool { runtime.GC(); return len(status) == 1 })
	if s := afflux.Error(<-status); s != afflux.ErrClosed {
		t.Error(s)
	}
}
