// SPDX-License-Identifier: MIT OR Apache-2.0

package afflux_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/afflux/afflux/bindings/go"
)

const (
	shedShort = time.Millisecond
	shedLong  = time.Hour
)

// growOld comes back when all who wait have waited for longer than d.
func growOld(sem *afflux.Semaphore, d time.Duration) {
	since := sem.Stats().OldestWait
	waitFor(func() bool { return sem.Stats().OldestWait > since+d+time.Millisecond })
}

func TestSheddingsBadOptions(t *testing.T) {
	t.Parallel()
	for _, bad := range []afflux.Options{
		{ShedTarget: -1}, {ShedTarget: shedShort, ShedInterval: -1}, {ShedInterval: -1},
		{ShedTarget: shedLong, ShedInterval: shedShort}, {ShedTarget: shedLong},
		{ShedInterval: shedShort}, {AdaptiveLIFO: true}, {ShedInterval: shedShort, AdaptiveLIFO: true},
		{ShedTarget: shedShort, AdaptiveLIFO: true, Fairness: afflux.Throughput},
	} {
		if s, err := afflux.New(bad); s != nil || !errors.Is(err, afflux.ErrInvalid) {
			t.Errorf("%+v: %v", bad, err)
		}
	}
	if afflux.DefaultShedTarget != 5*time.Millisecond ||
		afflux.DefaultShedInterval != 100*time.Millisecond {
		t.Error(afflux.DefaultShedTarget, afflux.DefaultShedInterval)
	}
}

func TestShedAreTheRequestsThatHaveWaitedTooLong(t *testing.T) {
	t.Parallel()
	sem := create(t, afflux.Options{Permits: 1, ShedTarget: shedShort, ShedInterval: shedShort})
	checkError(t, sem.Acquire(background, 1), nil)
	var waits []func(context.Context) error
	for i := 0; i < 3; i++ {
		waits = append(waits, sem.Begin(1))
	}
	growOld(sem, shedShort)
	sem.Release(1) // sheds before it grants
	for _, wait := range waits {
		checkError(t, wait(background), afflux.ErrRejected)
	}
	if st := sem.Stats(); st.Shed != 3 || st.Dropped != 3 || st.Granted != 0 || st.Rejected != 0 {
		t.Errorf("%+v", st)
	}
	checkIdle(t, sem)
	checkError(t, sem.Acquire(background, 1), nil) // what is free is free
	sem.Release(1)
}

// A queue that does not yet stand has the interval, not the target.
func TestABurstIsServed(t *testing.T) {
	t.Parallel()
	sem := create(t, afflux.Options{Permits: 1, ShedTarget: 1, ShedInterval: shedLong})
	checkError(t, sem.Acquire(background, 1), nil)
	var waits []func(context.Context) error
	for i := 0; i < 3; i++ {
		waits = append(waits, sem.Begin(1))
	}
	growOld(sem, shedShort)
	for _, wait := range waits {
		sem.Release(1)
		checkError(t, wait(background), nil)
	}
	sem.Release(1)
	if st := sem.Stats(); st.Shed != 0 || st.Granted != 3 {
		t.Errorf("%+v", st)
	}
	checkIdle(t, sem)
}

func TestTheNewestGoesFirstWhileTheQueueStands(t *testing.T) {
	t.Parallel()
	const patience = 50 * time.Millisecond
	for shed := true; shed; {
		sem := create(t, afflux.Options{
			Permits: 1, ShedTarget: patience, ShedInterval: patience, AdaptiveLIFO: true,
		})
		checkError(t, sem.Acquire(background, 1), nil)
		old := sem.Begin(1)
		growOld(sem, patience)
		middle, newest := sem.Begin(1), sem.Begin(1)
		checkError(t, old(background), afflux.ErrRejected)
		sem.Release(1)
		first := newest(background)
		if shed = first != nil; !shed { // else the machine was so busy that even these grew old
			if st := sem.Stats(); st.Waiters+st.Shed != 2 {
				t.Errorf("%+v", st)
			}
			sem.Release(1)
		}
		if err := middle(background); err == nil {
			sem.Release(1)
		} else {
			checkError(t, err, afflux.ErrRejected)
		}
		checkIdle(t, sem)
	}
}

func TestTenantsAndSheddingExcludeEachOther(t *testing.T) {
	t.Parallel()
	sem := create(t, afflux.Options{Permits: 1, ShedTarget: afflux.DefaultShedTarget})
	_, err := afflux.NewTenant(sem, afflux.TenantOptions{})
	checkError(t, err, afflux.ErrNotSupported)
	checkError(t, sem.SetDefaultWeight(2), afflux.ErrNotSupported)
}
