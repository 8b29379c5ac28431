// SPDX-License-Identifier: MIT OR Apache-2.0

package afflux_test

import (
	"context"
	"errors"
	"testing"

	"github.com/afflux/afflux/bindings/go"
)

// sharer is a tenant, and what the test has done with it.
type sharer struct {
	*afflux.Tenant
	cap, guaranteed  int64
	closed           bool
	waits            []func(context.Context) error // of requests whose outcome is not known
	issued, released uint64                        // requests, permits
	before           afflux.TenantStats            // as of the step before
}

// owed reports whether the tenant's next request comes before all that are not owed.
func (s *sharer) owed(held uint64) bool {
	return s.before.Waiting > 0 && held < uint64(s.guaranteed)
}

// FuzzTenants does a sequence of steps with three tenants, two bytes each: what to do, and to whom and how
// many. All requests are for one permit. So it can tell after each step, whatever the weights:
//   - a tenant that waits while a permit is free holds as many as its cap,
//   - what a step has granted is within the limit and within the cap,
//   - where a release lets one in while a tenant is owed permits, that one was owed its permit,
//   - nothing is lost: each request is counted once, and each permit.
func FuzzTenants(f *testing.F) {
	f.Add([]byte{0, 0, 0, 1, 0, 2, 1, 0, 1, 1, 1, 2})
	f.Add([]byte{4, 1, 0, 0, 0, 0, 3, 9, 0, 1, 0, 1, 2, 0, 1, 0, 4, 3, 1, 1})
	f.Add([]byte{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 2, 5, 0, 1, 0, 1, 0, 0, 1, 5, 1})
	f.Add([]byte{7, 2, 3, 22, 0, 0, 0, 1, 0, 2, 8, 0, 8, 0, 9, 0, 1, 0, 9, 0, 6, 2, 1, 1})
	f.Fuzz(func(t *testing.T, steps []byte) {
		if len(steps) > 200 {
			return
		}
		limit := int64(3)
		sem := afflux.NewWeighted(limit)
		var all [3]sharer
		for i := range all {
			all[i].Tenant = join(t, sem, afflux.TenantOptions{Weight: i + 1})
		}
		plain := int64(0) // held without a tenant, by TryAcquire
		done, cancel := context.WithCancel(background)
		cancel()
		heldBefore := int64(0)
		for i := 0; i+1 < len(steps); i += 2 {
			who, n := &all[steps[i+1]%3], int64(steps[i+1]/3%4)
			releases := false
			switch steps[i] % 10 {
			case 0: // acquire
				if !who.closed {
					who.issued++
				}
				who.waits = append(who.waits, who.Begin(1))
			case 1: // release
				if who.before.Held > 0 {
					who.Release(1)
					who.released++
					releases = true
				}
			case 2: // cancel, unless it is too late for that
				if len(who.waits) == 0 {
					continue
				}
				k := int(n) % len(who.waits)
				wait := who.waits[k]
				who.waits = append(who.waits[:k:k], who.waits[k+1:]...)
				switch err := wait(done); {
				case err == nil, errors.Is(err, context.Canceled), errors.Is(err, afflux.ErrClosed):
				default:
					t.Fatalf("step %d: %v", i, err)
				}
			case 3: // a cap, and what is guaranteed
				share := afflux.TenantOptions{Weight: 3, Cap: n, Guaranteed: (n + 1) / 2}
				if who.closed {
					checkError(t, who.Set(share), afflux.ErrClosed)
					continue
				}
				checkError(t, who.Set(share), nil)
				who.cap, who.guaranteed = share.Cap, share.Guaranteed
			case 4: // resize
				limit = n + 1
				if err := sem.Resize(limit); err != nil {
					t.Fatal(err)
				}
			case 5: // close, and begin anew once all has come back
				if !who.closed {
					who.closed = true
					checkError(t, who.Close(), nil)
				} else if who.before.Held == 0 {
					for _, wait := range who.waits {
						wait(done)
					}
					who.Unref()
					*who = sharer{Tenant: join(t, sem, afflux.TenantOptions{})}
				}
			case 6: // without a wait
				if who.TryAcquire(1) {
					who.issued++
				}
			case 7: // a permit, given back at once
				permit, err := who.TryAcquirePermit(afflux.Request{})
				if err == nil {
					who.issued++
					who.released++
					checkError(t, permit.Release(), nil)
				}
			case 8: // without a tenant
				if sem.TryAcquire(1) {
					plain++
				}
			case 9:
				if plain > 0 {
					plain--
					sem.Release(1)
					releases = true
				}
			}
			held, sum, waiting := sem.Held(), plain, uint64(0)
			grants, owed, toOwed := 0, false, false // of a release: one was owed, one that was has got it
			for k := range all {
				s, was := all[k].Stats(), all[k].before
				sum += int64(s.Held)
				waiting += s.Waiting
				grew := s.Requests > was.Requests
				if grew && all[k].cap > 0 && s.Held > uint64(all[k].cap) {
					t.Fatalf("step %d: tenant %d has got more than its cap: %+v", i, k, s)
				}
				if s.Waiting > 0 && held < limit && (all[k].cap == 0 || s.Held < uint64(all[k].cap)) {
					t.Fatalf("step %d: tenant %d waits although %d of %d are held: %+v", i, k, held, limit, s)
				}
				if s.Held != s.Acquired-all[k].released ||
					s.Requests+s.Waiting+s.Canceled+s.Ended != all[k].issued {
					t.Fatalf("step %d: tenant %d, %d released, %d issued: %+v", i, k, all[k].released,
						all[k].issued, s)
				}
				if releases {
					heldThen := was.Held
					if &all[k] == who && steps[i]%10 == 1 {
						heldThen--
					}
					if all[k].owed(heldThen) {
						owed = true
						toOwed = toOwed || grew
					}
					if grew {
						grants++
					}
				}
				all[k].before = s
			}
			if sum != held || int64(waiting) != sem.Waiters() {
				t.Fatalf("step %d: %d held, %d by all; %d wait, %d of all", i, held, sum, sem.Waiters(), waiting)
			}
			if held > limit && held > heldBefore {
				t.Fatalf("step %d: %d held, %d before, of %d", i, held, heldBefore, limit)
			}
			if grants > 1 || grants == 1 && owed && !toOwed {
				t.Fatalf("step %d: %d let in, none of those that were owed permits", i, grants)
			}
			heldBefore = held
		}
		checkLaws(t, sem)
		sem.Close()
		for k := range all {
			for _, wait := range all[k].waits {
				if err := wait(background); err != nil && !errors.Is(err, afflux.ErrClosed) {
					t.Fatal(err)
				}
			}
			all[k].Release(int64(all[k].before.Held))
			if s := all[k].Stats(); s.Held != 0 || s.Waiting != 0 {
				t.Fatalf("after the close: %+v", s)
			}
			all[k].Unref()
		}
		sem.Release(plain)
		checkIdle(t, sem)
	})
}
