// SPDX-License-Identifier: MIT OR Apache-2.0

package afflux

import "context"

// Begin is Acquire in two steps: when it returns, the request has its place in the queue. It answers
// what is to be called for the rest.
func (s *Semaphore) Begin(n int64) (wait func(context.Context) error) {
	w, status := s.begin(n)
	return func(ctx context.Context) error { return s.finish(ctx, w, n, status) }
}

// Begin is Acquire in two steps, likewise. What is to be called for the rest does not keep the tenant; it
// answers nil, too, where the permits are held and the context is done.
func (t *Tenant) Begin(n int64) (wait func(context.Context) error) {
	w, status := t.begin(&Request{}, n, -1)
	object := t.object()
	return func(ctx context.Context) error {
		held, err := w.finish(ctx, status, object)
		if held {
			return nil
		}
		return err
	}
}

// MakeCalls has the semaphore make a call for each acquire and release, as where the library's fast
// path is unknown to this package.
func (s *Semaphore) MakeCalls() { s.block = nil }

// FreeIndexes is how many indexes of waiters have been given back: their memory is freed.
func FreeIndexes() int {
	table.Lock()
	defer table.Unlock()
	return len(table.free)
}
