// SPDX-License-Identifier: MIT OR Apache-2.0

package afflux

import "context"

// Begin is Acquire in two steps: when it returns, the request has its place in the queue. It answers
// what is to be called for the rest.
func (s *Semaphore) Begin(n int64) (wait func(context.Context) error) {
	w, status := s.begin(n)
	return func(ctx context.Context) error {
		if status == statusPending {
			return s.wait(ctx, ctx.Done(), w, n)
		}
		return s.finish(w, status)
	}
}
