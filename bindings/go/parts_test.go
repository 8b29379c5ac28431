// SPDX-License-Identifier: MIT OR Apache-2.0

package afflux_test

import (
	"context"
	"errors"
	"math"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/afflux/afflux/bindings/go"
	"github.com/afflux/afflux/bindings/go/internal/foreign"
)

func TestPermitIsReleasedOnce(t *testing.T) {
	t.Parallel()
	sem := afflux.NewWeighted(3)
	permit, err := sem.AcquirePermit(background, afflux.Request{Permits: 2})
	if err != nil {
		t.Fatal(err)
	}
	if permit.Count() != 2 || permit.ID() == 0 || permit.HeldFor() < 0 || sem.Held() != 2 {
		t.Error(permit.Count(), permit.ID(), permit.HeldFor(), sem.Held())
	}
	released := make(chan error, 8)
	for i := 0; i < cap(released); i++ {
		go func() { released <- permit.Release() }()
	}
	ok := 0
	for i := 0; i < cap(released); i++ {
		switch err := <-released; err {
		case nil:
			ok++
		case afflux.ErrAlready:
		default:
			t.Error(err)
		}
	}
	if ok != 1 || permit.Count() != 0 {
		t.Errorf("released %d times", ok)
	}
	checkIdle(t, sem)
}

func TestPermitSplitMergeForget(t *testing.T) {
	t.Parallel()
	sem := afflux.NewWeighted(5)
	whole, err := sem.TryAcquirePermit(afflux.Request{Permits: 5})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := sem.TryAcquirePermit(afflux.Request{}); err != afflux.ErrWouldWait {
		t.Error(err)
	}
	part, err := whole.Split(2)
	if err != nil || part.Count() != 2 || whole.Count() != 3 {
		t.Error(err)
	}
	for _, n := range []int64{0, -1, 3} {
		if _, err := whole.Split(n); err != afflux.ErrInvalid {
			t.Error(n, err)
		}
	}
	if err := whole.Merge(whole); err != afflux.ErrInvalid {
		t.Error(err)
	}
	if err := whole.Merge(part); err != nil || whole.Count() != 5 || part.Count() != 0 {
		t.Error(err)
	}
	if err := whole.Forget(); err != nil || sem.Held() != 5 {
		t.Error(err)
	}
	if err := whole.Release(); err != afflux.ErrAlready {
		t.Error(err)
	}
	adopted, err := sem.Adopt(5, "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := sem.Adopt(6, ""); err != afflux.ErrOverflow {
		t.Error(err)
	}
	if _, err := sem.Adopt(0, ""); err != afflux.ErrInvalid {
		t.Error(err)
	}
	if err := adopted.Release(); err != nil {
		t.Error(err)
	}
	checkIdle(t, sem)
}

// A release of a Permit lets waiting goroutines in.
func TestPermitHandsOver(t *testing.T) {
	t.Parallel()
	sem := create(t, afflux.Options{Permits: 1, Statistics: afflux.StatisticsFull})
	var all sync.WaitGroup
	count := 0
	for g := 0; g < 4; g++ {
		all.Add(1)
		go func() {
			defer all.Done()
			for i := 0; i < 500; i++ {
				permit, err := sem.AcquirePermit(background, afflux.Request{})
				if err != nil {
					t.Error(err)
					return
				}
				count++
				permit.Release()
			}
		}()
	}
	all.Wait()
	checkIdle(t, sem)
	if h, err := sem.HoldTimes(); err != nil || h.Count() != 2000 || count != 2000 {
		t.Error(err, count)
	}
}

func TestHolders(t *testing.T) {
	t.Parallel()
	sem := create(t, afflux.Options{Permits: 10, Ledger: 4})
	tags := []string{"upload", "", strings.Repeat("x", 60)}
	want := map[uint64]string{}
	for i, tag := range tags {
		permit, err := sem.AcquirePermit(background, afflux.Request{Permits: int64(i + 1), Tag: tag})
		if err != nil {
			t.Fatal(err)
		}
		if len(tag) > 47 {
			tag = tag[:47]
		}
		want[permit.ID()] = tag
		defer permit.Release()
	}
	sem.Acquire(background, 3)
	holders, untold, err := sem.Holders()
	if err != nil || untold != 3 || len(holders) != 3 {
		t.Fatal(holders, untold, err)
	}
	for _, h := range holders {
		if tag, ok := want[h.ID]; !ok || tag != h.Tag || h.Permits < 1 || h.HeldFor < 0 {
			t.Errorf("%+v", h)
		}
	}
	if _, _, err := afflux.NewWeighted(1).Holders(); err != afflux.ErrNotSupported {
		t.Error(err)
	}
}

func TestEvent(t *testing.T) {
	t.Parallel()
	event, err := afflux.NewEvent(false)
	if err != nil {
		t.Fatal(err)
	}
	event.NotifyOne()
	event.NotifyOne() // counts as one
	if !event.IsSet() || event.Wait(background) != nil || event.IsSet() {
		t.Error("an auto-reset event")
	}
	ctx, cancel := context.WithCancel(background)
	passed := make(chan error)
	wait := func(n int) {
		for i := 0; i < n; i++ {
			go func() { passed <- event.Wait(ctx) }()
		}
		waitFor(func() bool { return event.Waiters() == int64(n) })
	}
	wait(3)
	event.NotifyOne()
	if err := <-passed; err != nil || event.Waiters() != 2 {
		t.Error(err)
	}
	event.NotifyAll()
	for i := 0; i < 2; i++ {
		if err := <-passed; err != nil {
			t.Error(err)
		}
	}
	event.Pulse()
	if event.IsSet() {
		t.Error("a pulse was remembered")
	}
	wait(2)
	event.Pulse()
	<-passed
	<-passed
	// From a C thread, which calls into Go.
	wait(1)
	if status := foreign.Notify(event.Handle()).Join(); status != 0 {
		t.Error(status)
	}
	if err := <-passed; err != nil {
		t.Error(err)
	}
	wait(1)
	cancel()
	if err := <-passed; err != context.Canceled {
		t.Error(err)
	}
	event.NotifyOne()
	if err := event.Wait(ctx); err != context.Canceled || !event.IsSet() {
		t.Error(err)
	}
}

func TestManualResetEvent(t *testing.T) {
	t.Parallel()
	event, err := afflux.NewEvent(true)
	if err != nil {
		t.Fatal(err)
	}
	ready := 0
	passed := make(chan bool)
	for i := 0; i < 3; i++ {
		go func() {
			event.Wait(background)
			passed <- ready == 1 // -race: ordered by the event
		}()
	}
	waitFor(func() bool { return event.Waiters() == 3 })
	ready = 1
	event.NotifyOne()
	for i := 0; i < 3; i++ {
		if !<-passed {
			t.Error("passed before it was ready")
		}
	}
	if event.Wait(background) != nil || !event.IsSet() {
		t.Error("not set any more")
	}
	same := afflux.EventFromHandle(event.Handle())
	same.Clear()
	if event.IsSet() {
		t.Error("set after Clear")
	}
	mustPanic(t, "the zero Event", func() { new(afflux.Event).NotifyOne() })
}

func TestAcquireAny(t *testing.T) {
	t.Parallel()
	a, b := afflux.NewWeighted(2), afflux.NewWeighted(1)
	event, _ := afflux.NewEvent(false)
	items := []afflux.Item{{Semaphore: a, Permits: 2}, {Semaphore: b}, {Event: event}}
	if i, err := afflux.AcquireAny(background, items...); i != 0 || err != nil {
		t.Fatal(i, err)
	}
	if i, err := afflux.AcquireAny(background, items...); i != 1 || err != nil {
		t.Fatal(i, err)
	}
	event.NotifyOne()
	if i, err := afflux.AcquireAny(background, items...); i != 2 || err != nil {
		t.Fatal(i, err)
	}
	got := make(chan int)
	go func() {
		i, err := afflux.AcquireAny(background, items...)
		if err != nil {
			t.Error(err)
		}
		got <- i
	}()
	waitFor(func() bool { return event.Waiters() == 1 })
	b.Release(1)
	if i := <-got; i != 1 || a.Waiters() != 0 || event.Waiters() != 0 {
		t.Error(i)
	}
	ctx, cancel := context.WithCancel(background)
	failed := make(chan error)
	go func() {
		_, err := afflux.AcquireAny(ctx, items...)
		failed <- err
	}()
	waitFor(func() bool { return event.Waiters() == 1 })
	cancel()
	if err := <-failed; err != context.Canceled || a.Waiters() != 0 || b.Waiters() != 0 {
		t.Error(err)
	}
	for _, bad := range [][]afflux.Item{nil, make([]afflux.Item, 65), {{}},
		{{Semaphore: a, Event: event}}, {{Semaphore: a, Permits: -1}},
		{{Event: event, Permits: 2}}} {
		if _, err := afflux.AcquireAny(background, bad...); !errors.Is(err, afflux.ErrInvalid) {
			t.Errorf("%v: %v", bad, err)
		}
	}
	if _, err := afflux.AcquireAny(background, afflux.Item{Semaphore: a, Permits: 3}); err !=
		afflux.ErrTooBig {
		t.Error(err)
	}
	a.Release(2)
	b.Release(1)
	checkIdle(t, a)
	checkIdle(t, b)
}

func TestAcquireAll(t *testing.T) {
	t.Parallel()
	a, b := afflux.NewWeighted(1), afflux.NewWeighted(1)
	count := 0
	var all sync.WaitGroup
	for g := 0; g < 4; g++ {
		g := g
		all.Add(1)
		go func() {
			defer all.Done()
			items := []afflux.Item{{Semaphore: a}, {Semaphore: b}}
			if g%2 == 0 {
				items[0], items[1] = items[1], items[0]
			}
			for i := 0; i < 500; i++ {
				if err := afflux.AcquireAll(background, items...); err != nil {
					t.Error(err)
				}
				count++
				a.Release(1)
				b.Release(1)
			}
		}()
	}
	all.Wait()
	if count != 2000 {
		t.Error(count)
	}
	b.Acquire(background, 1)
	ctx, cancel := context.WithCancel(background)
	failed := make(chan error)
	go func() { failed <- afflux.AcquireAll(ctx, afflux.Item{Semaphore: a}, afflux.Item{Semaphore: b}) }()
	waitFor(func() bool { return b.Waiters() == 1 })
	cancel()
	if err := <-failed; err != context.Canceled {
		t.Error(err)
	}
	if err := afflux.AcquireAll(ctx, afflux.Item{Semaphore: a}); err != context.Canceled {
		t.Error(err)
	}
	b.Release(1)
	checkIdle(t, a)
	checkIdle(t, b)
}

// Groups that are cancelled while what they wait for comes: nothing is lost, and no other error comes.
func TestSeveralCancelRaces(t *testing.T) {
	t.Parallel()
	a, b := afflux.NewWeighted(1), afflux.NewWeighted(1)
	items := []afflux.Item{{Semaphore: a}, {Semaphore: b}}
	var all sync.WaitGroup
	for g := 0; g < 6; g++ {
		g := g
		all.Add(1)
		go func() {
			defer all.Done()
			for i := 0; i < 500; i++ {
				ctx, cancel := context.WithCancel(background)
				go cancel()
				var err error
				if g%2 == 0 {
					var which int
					if which, err = afflux.AcquireAny(ctx, items...); err == nil {
						items[which].Semaphore.Release(1)
					}
				} else if err = afflux.AcquireAll(ctx, items...); err == nil {
					a.Release(1)
					b.Release(1)
				}
				if err != nil && err != context.Canceled {
					t.Error(err)
				}
			}
		}()
	}
	all.Wait()
	checkIdle(t, a)
	checkIdle(t, b)
}

// Waits that are cancelled while the notification comes: it goes to the wait, or is remembered.
func TestEventCancelRaces(t *testing.T) {
	t.Parallel()
	event, err := afflux.NewEvent(false)
	if err != nil {
		t.Fatal(err)
	}
	passed, cancelled := 0, 0
	for i := 0; i < 3000; i++ {
		ctx, cancel := context.WithCancel(background)
		go cancel()
		notified := make(chan struct{})
		go func() {
			event.NotifyOne()
			close(notified)
		}()
		err := event.Wait(ctx)
		<-notified
		switch err {
		case nil:
			passed++
			if event.IsSet() {
				t.Fatal("one notification was taken and remembered")
			}
		case context.Canceled:
			cancelled++
			if !event.IsSet() {
				t.Fatal("a notification was lost")
			}
			event.Clear()
		default:
			t.Fatal(err)
		}
	}
	if passed == 0 {
		t.Error("no wait passed")
	}
}

func TestClient(t *testing.T) {
	t.Parallel()
	client, err := afflux.NewClient(afflux.ClientOptions{Name: "tenant",
		Classes: [4]string{"read", "write"}})
	if err != nil {
		t.Fatal(err)
	}
	sem := afflux.NewWeighted(2)
	request := afflux.Request{Permits: 2, Client: client}
	if err := sem.AcquireWith(background, request); err != nil {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(background)
	failed := make(chan error)
	go func() { failed <- sem.AcquireWith(ctx, request) }()
	waitFor(func() bool { return sem.Waiters() == 1 })
	cancel()
	<-failed
	client.CountRequests(1, 5)
	client.CountBytes(100)
	client.CountResponse(404)
	client.CountResponse(503)
	client.CountResponse(200)
	client.CountReconnection()
	client.CountTimeout()
	client.CountLines(1, 10, 5)
	client.BeginRun()
	client.SetRunBytes(50)
	client.SetSpeed(1.5)
	client.SetPosition(time.Second)
	for i, err := range []error{client.CountRequests(4, 1), client.CountLines(0, 1, 2),
		client.SetSpeed(math.NaN()), client.SetPosition(-1)} {
		if err != afflux.ErrInvalid {
			t.Error(i, err)
		}
	}
	s := client.Summary()
	if s.Acquired != 2 || s.Canceled != 1 || s.Requests != [4]uint64{0, 5, 0, 0} || s.Bytes != 150 ||
		s.Responses4xx != 1 || s.Responses5xx != 1 || s.ResponsesOther != 1 ||
		s.Reconnections != 1 || s.Timeouts != 1 || s.LinesDropped != [2]uint64{0, 5} ||
		s.DropRate != 0.5 || s.Runs != 1 || s.Speed != 1.5 || client.Name() != "tenant" ||
		client.Responses(404) != 1 {
		t.Errorf("%+v", s)
	}
	if _, err := afflux.NewClient(afflux.ClientOptions{StallSpeed: -1}); !errors.Is(err,
		afflux.ErrInvalid) {
		t.Error(err)
	}
	if _, err := afflux.NewClient(afflux.ClientOptions{Name: "\x00"}); !errors.Is(err,
		afflux.ErrInvalid) {
		t.Error(err)
	}
	sem.Release(2)
}

func TestRegistry(t *testing.T) {
	t.Parallel()
	registry, err := afflux.NewRegistry()
	if err != nil {
		t.Fatal(err)
	}
	sem := create(t, afflux.Options{Permits: 7, Name: "uploads"})
	client, _ := afflux.NewClient(afflux.ClientOptions{Name: "tenant"})
	if registry.Add(sem) != nil || registry.AddClient(client) != nil {
		t.Error("cannot add")
	}
	if err := registry.Add(sem); err != afflux.ErrAlready {
		t.Error(err)
	}
	sem.Acquire(background, 3)
	client.CountBytes(9)
	s := registry.Summary()
	if s.Semaphores != 1 || s.Clients != 1 || s.Semaphore.Held != 3 || s.Semaphore.Limit != 7 ||
		s.Client.Bytes != 9 {
		t.Errorf("%+v", s)
	}
	for _, c := range []struct {
		format     afflux.Format
		eachClient bool
		want       string
	}{
		{afflux.Prometheus, false, `afflux_semaphore_permits_held{semaphore="uploads"`},
		{afflux.OpenMetrics, false, "# EOF"},
		{afflux.Prometheus, true, `client="tenant"`},
	} {
		var text strings.Builder
		if err := registry.Write(&text, c.format, c.eachClient); err != nil ||
			!strings.Contains(text.String(), c.want) || c.format.ContentType() == "" {
			t.Errorf("%v: %s", err, text.String())
		}
	}
	if err := registry.Write(&strings.Builder{}, 99, false); err != afflux.ErrInvalid {
		t.Error(err)
	}
	// Larger than the first buffer.
	for i := 0; i < 100; i++ {
		registry.Add(create(t, afflux.Options{Permits: 1, Name: strings.Repeat("n", 50)}))
	}
	var text strings.Builder
	if err := registry.Write(&text, afflux.Prometheus, false); err != nil ||
		strings.Count(text.String(), "afflux_semaphore_permits_held{") != 101 {
		t.Error(err)
	}
	if registry.Remove(sem) != nil || registry.RemoveClient(client) != nil {
		t.Error("cannot remove")
	}
	if registry.Remove(sem) != afflux.ErrAlready || registry.RemoveClient(client) !=
		afflux.ErrAlready {
		t.Error("removed twice")
	}
	sem.Release(3)
}
