// SPDX-License-Identifier: MIT OR Apache-2.0

package afflux_test

import (
	"context"
	"testing"

	"github.com/afflux/afflux/bindings/go"
)

// model is what a fair semaphore does, as a queue of requests.
type model struct {
	limit, held int64
	queue       []*request
}

type request struct {
	n      int64
	cancel context.CancelFunc
	done   chan error
	want   error
}

// settle lets the first ones in, or ends those that have become impossible; it answers whom.
func (m *model) settle() (ended []*request) {
	for len(m.queue) > 0 {
		first := m.queue[0]
		if m.limit-m.held < first.n {
			break
		}
		m.held += first.n
		m.queue = m.queue[1:]
		ended = append(ended, first)
	}
	return ended
}

func (m *model) free() int64 {
	if len(m.queue) > 0 || m.held > m.limit {
		return 0
	}
	return m.limit - m.held
}

// FuzzSequence compares a semaphore with the model after each step of a sequence: two bytes each,
// what to do and how many.
func FuzzSequence(f *testing.F) {
	f.Add([]byte{0, 1, 1, 1, 2, 1})
	f.Add([]byte{1, 4, 1, 3, 1, 2, 1, 1, 3, 0, 2, 4, 2, 3})
	f.Add([]byte{1, 4, 1, 2, 4, 1, 4, 7, 2, 4, 2, 2})
	f.Add([]byte{1, 2, 1, 4, 1, 1, 3, 0, 5, 0, 2, 1, 6, 3, 2, 9})
	f.Add([]byte{1, 4, 1, 1, 1, 1, 1, 4, 3, 2, 3, 0, 2, 4, 7, 0, 2, 1})
	f.Fuzz(func(t *testing.T, steps []byte) {
		if len(steps) > 200 {
			return
		}
		sem := afflux.NewWeighted(4)
		m := &model{limit: 4}
		// end waits for those who must have ended, and no others.
		end := func(ended []*request) {
			for _, r := range ended {
				if err := <-r.done; err != r.want {
					t.Fatalf("a request for %d: %v, not %v", r.n, err, r.want)
				}
			}
		}
		for i := 0; i+1 < len(steps); i += 2 {
			n := int64(steps[i+1] % 8)
			switch steps[i] % 8 {
			case 0: // try
				want := n == 0 && len(m.queue) == 0 || n > 0 && m.free() >= n
				if got := sem.TryAcquire(n); got != want {
					t.Fatalf("step %d: TryAcquire(%d) is %t", i, n, got)
				}
				if want {
					m.held += n
				}
			case 1: // acquire
				if n == 0 || n > m.limit {
					continue // answers at once, or waits outside of the queue
				}
				ctx, cancel := context.WithCancel(background)
				r := &request{n: n, cancel: cancel, done: make(chan error, 1)}
				m.queue = append(m.queue, r)
				wait := sem.Begin(n)
				go func() { r.done <- wait(ctx) }()
				end(m.settle())
			case 2: // release
				if n > m.held {
					mustPanic(t, "Release of more than held", func() { sem.Release(n) })
					continue
				}
				m.held -= n
				sem.Release(n)
				end(m.settle())
			case 3: // cancel
				if len(m.queue) == 0 {
					continue
				}
				k := int(n) % len(m.queue)
				r := m.queue[k]
				m.queue = append(m.queue[:k:k], m.queue[k+1:]...)
				r.want = context.Canceled
				r.cancel()
				end([]*request{r})
				end(m.settle())
			case 4: // resize
				m.limit = n
				var impossible, rest []*request
				for _, r := range m.queue {
					if r.n > n {
						r.want = afflux.ErrTooBig
						impossible = append(impossible, r)
					} else {
						rest = append(rest, r)
					}
				}
				m.queue = rest
				if err := sem.Resize(n); err != nil {
					t.Fatal(err)
				}
				end(impossible)
				end(m.settle())
			case 5: // drain
				got, err := sem.Drain()
				if err != nil || got != m.free() {
					t.Fatalf("step %d: Drain is %d, %v", i, got, err)
				}
				m.held += got
			case 6: // up to n
				if n == 0 {
					continue
				}
				got, err := sem.TryAcquireUpTo(0, n)
				want := m.free()
				if want > n {
					want = n
				}
				if err != nil || got != want {
					t.Fatalf("step %d: TryAcquireUpTo(0, %d) is %d, %v", i, n, got, err)
				}
				m.held += got
			case 7: // a permit, given back at once
				if m.free() < 1 {
					continue
				}
				permit, err := sem.TryAcquirePermit(afflux.Request{})
				if err != nil || permit.Release() != nil {
					t.Fatalf("step %d: %v", i, err)
				}
			}
			if sem.Held() != m.held || sem.Limit() != m.limit || sem.Available() != m.free() ||
				sem.Waiters() != int64(len(m.queue)) {
				t.Fatalf("step %d: held %d of %d, %d free, %d wait; the model: %d of %d, %d, %d", i,
					sem.Held(), sem.Limit(), sem.Available(), sem.Waiters(), m.held, m.limit, m.free(),
					len(m.queue))
			}
		}
		checkLaws(t, sem)
		sem.Close()
		for _, r := range m.queue {
			if err := <-r.done; err != afflux.ErrClosed {
				t.Fatalf("a request for %d after the close: %v", r.n, err)
			}
			r.cancel()
		}
		checkLaws(t, sem)
	})
}
