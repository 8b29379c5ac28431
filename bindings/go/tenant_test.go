// SPDX-License-Identifier: MIT OR Apache-2.0

package afflux_test

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/afflux/afflux/bindings/go"
)

// How the weights share a semaphore, the C++ tests show.

func join(t *testing.T, s *afflux.Semaphore, options afflux.TenantOptions) *afflux.Tenant {
	t.Helper()
	tenant, err := afflux.NewTenant(s, options)
	if err != nil {
		t.Fatal(err)
	}
	return tenant
}

// queued starts acquire in a goroutine, and answers when one more request of tenant waits; what it comes
// to is in the channel.
func queued(tenant *afflux.Tenant, acquire func() error) <-chan error {
	before := tenant.Stats().Waiting
	outcome := make(chan error, 1)
	go func() { outcome <- acquire() }()
	waitFor(func() bool { return tenant.Stats().Waiting == before+1 })
	return outcome
}

func checkHeld(t *testing.T, tenant *afflux.Tenant, held uint64) {
	t.Helper()
	if s := tenant.Stats(); s.Held != held {
		t.Errorf("%q holds %d, not %d", tenant.Name(), s.Held, held)
	}
}

func checkError(t *testing.T, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("%v, not %v", err, want)
	}
}

func TestTenantsPermitsGoBackToIt(t *testing.T) {
	t.Parallel()
	for queue := afflux.QueueAuto; queue <= afflux.QueueMutex; queue++ {
		sem, err := afflux.New(afflux.Options{Permits: 10, Queue: queue})
		if errors.Is(err, afflux.ErrNotSupported) {
			continue // not in this build of the library
		}
		if err != nil {
			t.Fatal(err)
		}
		a, b := join(t, sem, afflux.TenantOptions{}), join(t, sem, afflux.TenantOptions{})
		checkError(t, a.Acquire(background, 3), nil)
		checkError(t, a.AcquireWith(background, afflux.Request{Permits: 2}), nil)
		if !a.TryAcquire(1) || !b.TryAcquire(1) || !sem.TryAcquire(1) {
			t.Error("they are free")
		}
		checkHeld(t, a, 6)
		checkHeld(t, b, 1)
		if sem.Held() != 8 {
			t.Error(sem.Held())
		}
		a.Release(4)
		mustPanic(t, "Release of another's", func() { b.Release(2) })
		b.Release(1)
		checkHeld(t, a, 2)
		a.Release(2)
		sem.Release(1)
		s := a.Stats()
		if s.Acquired != 6 || s.Requests != 3 || s.Waits != 0 || s.Held != 0 || s.Hold <= 0 ||
			s.UsedPermitSeconds <= 0 {
			t.Errorf("%+v", s)
		}
		checkIdle(t, sem)
	}
}

func TestTenantsShareIsReadAsItWasSet(t *testing.T) {
	t.Parallel()
	sem := afflux.NewWeighted(10)
	tenant := join(t, sem, afflux.TenantOptions{Weight: afflux.MaxWeight, Guaranteed: 2, Cap: 4,
		MaxWaiters: 7, Name: "Größe"})
	want := afflux.TenantStats{Weight: afflux.MaxWeight, Guaranteed: 2, Cap: 4, MaxWaiters: 7}
	if s := tenant.Stats(); s != want || tenant.Name() != "Größe" {
		t.Errorf("%q: %+v", tenant.Name(), s)
	}
	checkError(t, tenant.Set(afflux.TenantOptions{Weight: 3}), nil)
	if s := tenant.Stats(); s != (afflux.TenantStats{Weight: 3}) || tenant.Name() != "Größe" {
		t.Errorf("%q: %+v", tenant.Name(), s)
	}
	plain := join(t, sem, afflux.TenantOptions{})
	if s := plain.Stats(); s != (afflux.TenantStats{Weight: 1}) || plain.Name() != "" {
		t.Errorf("%q: %+v", plain.Name(), s)
	}
}

func TestTenantErrors(t *testing.T) {
	t.Parallel()
	sem := afflux.NewWeighted(10)
	tenant := join(t, sem, afflux.TenantOptions{Weight: 2})
	for _, bad := range []afflux.TenantOptions{
		{Weight: -1},
		{Weight: afflux.MaxWeight + 1},
		{Guaranteed: -1},
		{Guaranteed: afflux.MaxPermits + 1},
		{Guaranteed: 3, Cap: 2},
		{Cap: -1},
	} {
		_, err := afflux.NewTenant(sem, bad)
		checkError(t, err, afflux.ErrInvalid)
		checkError(t, tenant.Set(bad), afflux.ErrInvalid)
	}
	_, err := afflux.NewTenant(sem, afflux.TenantOptions{Name: "a\x00b"})
	checkError(t, err, afflux.ErrInvalid)
	checkError(t, tenant.Set(afflux.TenantOptions{Name: "another"}), afflux.ErrInvalid)
	if s := tenant.Stats(); s != (afflux.TenantStats{Weight: 2}) {
		t.Errorf("%+v", s)
	}
	client, _ := afflux.NewClient(afflux.ClientOptions{})
	for _, bad := range []afflux.Request{{Client: client}, {Permits: -1}, {Priority: 3}, {Timeout: -1}} {
		checkError(t, tenant.AcquireWith(background, bad), afflux.ErrInvalid)
		checkError(t, tenant.TryAcquireWith(afflux.Request{Client: client}), afflux.ErrInvalid)
	}
	mustPanic(t, "Acquire(-1)", func() { tenant.Acquire(background, -1) })
	mustPanic(t, "TryAcquire(-1)", func() { tenant.TryAcquire(-1) })
	mustPanic(t, "Release(-1)", func() { tenant.Release(-1) })
	mustPanic(t, "Release(1)", func() { tenant.Release(1) })
	tenant.Release(0)
	if tenant.Acquire(background, 0) != nil || !tenant.TryAcquire(0) {
		t.Error("0 permits")
	}
	for _, weight := range []int{-1, 0, afflux.MaxWeight + 1} {
		checkError(t, sem.SetDefaultWeight(weight), afflux.ErrInvalid)
	}
	checkError(t, sem.SetDefaultWeight(afflux.MaxWeight), nil)
	barging, _ := afflux.New(afflux.Options{Permits: 1, Fairness: afflux.Throughput})
	_, err = afflux.NewTenant(barging, afflux.TenantOptions{})
	checkError(t, err, afflux.ErrNotSupported)
	checkError(t, barging.SetDefaultWeight(2), afflux.ErrNotSupported)
	sem.Close()
	_, err = afflux.NewTenant(sem, afflux.TenantOptions{})
	checkError(t, err, afflux.ErrClosed)
	checkError(t, tenant.Set(afflux.TenantOptions{}), afflux.ErrClosed)
	checkError(t, sem.SetDefaultWeight(2), afflux.ErrClosed)
	checkError(t, tenant.Acquire(background, 1), afflux.ErrClosed)
	mustPanic(t, "a zero Tenant", func() { new(afflux.Tenant).Stats() })
	mustPanic(t, "TenantFromHandle(nil)", func() { afflux.TenantFromHandle(sem, nil) })
}

func TestTenantsCapLeavesFreePermitsToOthers(t *testing.T) {
	t.Parallel()
	sem := afflux.NewWeighted(4)
	capped := join(t, sem, afflux.TenantOptions{Weight: 100, Cap: 2})
	other := join(t, sem, afflux.TenantOptions{})
	checkError(t, capped.Acquire(background, 2), nil)
	if capped.TryAcquire(1) {
		t.Error("more than its cap")
	}
	checkError(t, capped.TryAcquireWith(afflux.Request{}), afflux.ErrWouldWait)
	waits := queued(capped, func() error { return capped.Acquire(background, 1) })
	if !other.TryAcquire(1) || !sem.TryAcquire(1) {
		t.Error("two are free")
	}
	sem.Release(1)
	checkError(t, sem.Acquire(background, 1), nil)
	other.Release(1)
	checkError(t, other.Acquire(background, 1), nil)
	if s := capped.Stats(); s.Waiting != 1 || s.TryFailed != 2 {
		t.Errorf("%+v", s)
	}
	capped.Release(2)
	checkError(t, <-waits, nil)
	if s := capped.Stats(); s.Held != 1 || s.Waits != 1 || s.Requests != 2 {
		t.Errorf("%+v", s)
	}
	capped.Release(1)
	other.Release(1)
	sem.Release(1)
	checkIdle(t, sem)
}

func TestTenantsTooBig(t *testing.T) {
	t.Parallel()
	sem := afflux.NewWeighted(4)
	capped := join(t, sem, afflux.TenantOptions{Cap: 2})
	checkError(t, capped.Acquire(background, 3), afflux.ErrTooBig)
	checkError(t, capped.Acquire(background, 5), afflux.ErrTooBig)
	if capped.TryAcquire(3) {
		t.Error("more than its cap")
	}
	// It waits for the cap to grow, and holds back no other tenant.
	large := queued(capped, func() error {
		return capped.AcquireWith(background, afflux.Request{Permits: 3, WaitForResize: true})
	})
	checkError(t, sem.Acquire(background, 4), nil)
	sem.Release(4)
	checkError(t, capped.Set(afflux.TenantOptions{Cap: 3}), nil)
	checkError(t, <-large, nil)
	late := queued(capped, func() error { return capped.Acquire(background, 2) })
	checkError(t, capped.Set(afflux.TenantOptions{Cap: 1}), nil)
	checkError(t, <-late, afflux.ErrTooBig)
	if s := capped.Stats(); s.Held != 3 || s.Ended != 1 {
		t.Errorf("what it has it keeps: %+v", s)
	}
	capped.Release(3)
	checkIdle(t, sem)
}

func TestTenantsGuaranteedPermitsComeFirst(t *testing.T) {
	t.Parallel()
	sem := afflux.NewWeighted(1)
	heavy := join(t, sem, afflux.TenantOptions{Weight: afflux.MaxWeight})
	sure := join(t, sem, afflux.TenantOptions{Guaranteed: 1})
	checkError(t, sem.Acquire(background, 1), nil)
	second := queued(heavy, func() error { return heavy.Acquire(background, 1) })
	first := queued(sure, func() error { return sure.Acquire(background, 1) })
	sem.Release(1)
	checkError(t, <-first, nil)
	if s := heavy.Stats(); s.Waiting != 1 || s.Held != 0 {
		t.Errorf("%+v", s)
	}
	sure.Release(1)
	checkError(t, <-second, nil)
	heavy.Release(1)
	if sure.Stats().ByGuarantee != 1 || heavy.Stats().ByGuarantee != 0 {
		t.Errorf("%+v, %+v", sure.Stats(), heavy.Stats())
	}
	checkIdle(t, sem)
}

func TestTenantsPrioritiesAreItsOwn(t *testing.T) {
	t.Parallel()
	sem := afflux.NewWeighted(1)
	tenant := join(t, sem, afflux.TenantOptions{})
	checkError(t, tenant.Acquire(background, 1), nil)
	low := queued(tenant, func() error { return tenant.Acquire(background, 1) })
	high := queued(tenant, func() error {
		return tenant.AcquireWith(background, afflux.Request{Priority: afflux.PriorityHigh})
	})
	tenant.Release(1)
	checkError(t, <-high, nil)
	if s := tenant.Stats(); s.Waiting != 1 {
		t.Errorf("%+v", s)
	}
	tenant.Release(1)
	checkError(t, <-low, nil)
	tenant.Release(1)
	checkIdle(t, sem)
}

func TestTenantsContextsAndTimes(t *testing.T) {
	t.Parallel()
	sem := afflux.NewWeighted(1)
	tenant := join(t, sem, afflux.TenantOptions{MaxWaiters: 1})
	done, cancelled := context.WithCancel(background)
	cancelled()
	// A done context wins over free permits.
	checkError(t, tenant.Acquire(done, 1), context.Canceled)
	checkError(t, tenant.Acquire(done, 0), context.Canceled)
	checkError(t, sem.Acquire(background, 1), nil)
	ctx, cancel := context.WithCancel(background)
	waits := queued(tenant, func() error { return tenant.Acquire(ctx, 1) })
	checkError(t, tenant.Acquire(background, 1), afflux.ErrRejected)
	cancel()
	checkError(t, <-waits, context.Canceled)
	checkError(t, tenant.AcquireWith(background, afflux.Request{Timeout: time.Millisecond}),
		afflux.ErrTimeout)
	s := tenant.Stats()
	if s.Canceled != 1 || s.Rejected != 1 || s.TimedOut != 1 || s.Waiting != 0 || s.Requests != 0 {
		t.Errorf("%+v", s)
	}
	sem.Release(1)
	checkIdle(t, sem)
}

func TestTenantsClose(t *testing.T) {
	t.Parallel()
	sem := afflux.NewWeighted(2)
	tenant := join(t, sem, afflux.TenantOptions{})
	checkError(t, tenant.Acquire(background, 2), nil)
	var waits []<-chan error
	for i := 0; i < 3; i++ {
		waits = append(waits, queued(tenant, func() error { return tenant.Acquire(background, 1) }))
	}
	checkError(t, tenant.Close(), nil)
	for _, wait := range waits {
		checkError(t, <-wait, afflux.ErrClosed)
	}
	checkError(t, tenant.Close(), afflux.ErrAlready)
	checkError(t, tenant.Acquire(background, 1), afflux.ErrClosed)
	checkError(t, tenant.Set(afflux.TenantOptions{}), afflux.ErrClosed)
	if tenant.TryAcquire(1) {
		t.Error("it is closed")
	}
	if s := tenant.Stats(); s.Held != 2 || s.Ended != 3 || s.Waiting != 0 {
		t.Errorf("%+v", s)
	}
	tenant.Release(2)
	checkError(t, sem.Acquire(background, 2), nil) // it is open
	sem.Release(2)
	checkIdle(t, sem)
}

func TestTenantsSemaphoreCloses(t *testing.T) {
	t.Parallel()
	sem := afflux.NewWeighted(1)
	tenant := join(t, sem, afflux.TenantOptions{})
	checkError(t, tenant.Acquire(background, 1), nil)
	waits := queued(tenant, func() error { return tenant.Acquire(background, 1) })
	sem.Close()
	checkError(t, <-waits, afflux.ErrClosed)
	tenant.Release(1)
	checkIdle(t, sem)
}

func TestTenantUnref(t *testing.T) {
	t.Parallel()
	sem := afflux.NewWeighted(3)
	tenant := join(t, sem, afflux.TenantOptions{Name: "shared"})
	shared := afflux.TenantFromHandle(sem, tenant.Handle())
	checkError(t, tenant.Acquire(background, 1), nil)
	permit, err := tenant.AcquirePermit(background, afflux.Request{})
	checkError(t, err, nil)
	tenant.Unref()
	tenant.Unref() // nothing
	mustPanic(t, "Stats after Unref", func() { tenant.Stats() })
	checkHeld(t, shared, 2)
	checkError(t, shared.Acquire(background, 1), nil) // not the last reference
	shared.Release(1)
	shared.Unref()
	// The Permit is the last. What else is held counts for those who name no tenant then.
	checkError(t, permit.Release(), nil)
	if sem.Held() != 1 {
		t.Error(sem.Held())
	}
	sem.Release(1)
	checkIdle(t, sem)
}

func TestTenantKeepsItsSemaphore(t *testing.T) {
	t.Parallel()
	sem := afflux.NewWeighted(1)
	tenant := join(t, sem, afflux.TenantOptions{})
	sem.Unref()
	checkError(t, tenant.Acquire(background, 1), nil)
	tenant.Release(1)
	permit, err := tenant.TryAcquirePermit(afflux.Request{})
	checkError(t, err, nil)
	checkError(t, permit.Release(), nil)
	checkHeld(t, tenant, 0)
}

func TestTenantIsCollected(t *testing.T) {
	t.Parallel()
	sem := afflux.NewWeighted(1)
	wait := func() func(context.Context) error {
		tenant := join(t, sem, afflux.TenantOptions{})
		checkError(t, tenant.Acquire(background, 1), nil)
		return tenant.Begin(1)
	}()
	ended := make(chan error, 1)
	go func() { ended <- wait(background) }()
	waitFor(func() bool {
		runtime.GC()
		return len(ended) == 1
	})
	checkError(t, <-ended, afflux.ErrClosed)
	// What it held those hold who name no tenant.
	sem.Release(1)
	checkIdle(t, sem)
}

func TestTenantsPermit(t *testing.T) {
	t.Parallel()
	sem, err := afflux.New(afflux.Options{Permits: 6, Ledger: 8})
	checkError(t, err, nil)
	a, b := join(t, sem, afflux.TenantOptions{}), join(t, sem, afflux.TenantOptions{Cap: 2})
	permit, err := a.AcquirePermit(background, afflux.Request{Permits: 3, Tag: "backup"})
	checkError(t, err, nil)
	holders, _, err := sem.Holders()
	if err != nil || len(holders) != 1 || holders[0].Tag != "backup" || holders[0].Permits != 3 {
		t.Error(holders, err)
	}
	half, err := permit.Split(1)
	checkError(t, err, nil)
	other, err := b.TryAcquirePermit(afflux.Request{Permits: 2})
	checkError(t, err, nil)
	checkError(t, half.Merge(other), afflux.ErrInvalid)
	_, err = b.TryAcquirePermit(afflux.Request{})
	checkError(t, err, afflux.ErrWouldWait)
	_, err = b.TryAcquirePermit(afflux.Request{Tag: "a\x00b"})
	checkError(t, err, afflux.ErrInvalid)
	checkHeld(t, a, 3)
	checkError(t, half.Release(), nil)
	checkError(t, half.Release(), afflux.ErrAlready)
	checkHeld(t, a, 2)
	checkError(t, permit.Forget(), nil)
	_, err = a.Adopt(3, "")
	checkError(t, err, afflux.ErrOverflow)
	_, err = a.Adopt(0, "")
	checkError(t, err, afflux.ErrInvalid)
	permit, err = a.Adopt(2, "again")
	checkError(t, err, nil)
	checkError(t, permit.Release(), nil)
	checkError(t, other.Release(), nil)
	checkHeld(t, a, 0)
	checkHeld(t, b, 0)
	checkIdle(t, sem)
}

func TestControlReleasesATenantsPermit(t *testing.T) {
	t.Parallel()
	sem := afflux.NewWeighted(10)
	control := steer(t, sem, afflux.ControlOptions{})
	tenant := join(t, sem, afflux.TenantOptions{})
	permit, err := tenant.AcquirePermit(background, afflux.Request{Permits: 2})
	checkError(t, err, nil)
	checkError(t, control.Release(permit, afflux.Served), nil)
	if s := control.Stats(); s.Served != 1 {
		t.Errorf("%+v", s)
	}
	checkHeld(t, tenant, 0)
	checkIdle(t, sem)
}

// Tenants that contend, with contexts that end: no permit is lost, none is there twice, and what
// permits order the race detector knows.
func TestTenantsHammer(t *testing.T) {
	t.Parallel()
	const limit, goroutines, rounds = 3, 16, 300
	sem := afflux.NewWeighted(limit)
	shares := []afflux.TenantOptions{{Weight: 3}, {Cap: 1}, {Guaranteed: 1}}
	var all []*afflux.Tenant
	for _, share := range shares {
		all = append(all, join(t, sem, share))
	}
	var inside, capped atomic.Int64
	var group sync.WaitGroup
	counter := 0 // guarded by the capped tenant's permit
	for i := 0; i < goroutines; i++ {
		i := i
		group.Add(1)
		go func() {
			defer group.Done()
			for round := 0; round < rounds; round++ {
				ctx, cancel := context.WithCancel(background)
				if (i+round)%3 == 0 {
					go cancel()
				}
				acquire, release := sem.Acquire, sem.Release
				which := i % 4 // each fourth names none
				if which < len(all) {
					acquire, release = all[which].Acquire, all[which].Release
				}
				if acquire(ctx, 1) == nil {
					if inside.Add(1) > limit {
						t.Error("more than the limit")
					}
					if which == 1 {
						if capped.Add(1) > 1 {
							t.Error("more than the cap")
						}
						counter++
						capped.Add(-1)
					}
					runtime.Gosched()
					inside.Add(-1)
					release(1)
				}
				cancel()
			}
		}()
	}
	group.Wait()
	for _, tenant := range all {
		s := tenant.Stats()
		if s.Held != 0 || s.Waiting != 0 || s.Requests < goroutines/4*rounds/2 {
			t.Errorf("%+v", s)
		}
	}
	if counter < goroutines/4*rounds/2 {
		t.Error(counter)
	}
	checkIdle(t, sem)
}
