// SPDX-License-Identifier: MIT OR Apache-2.0

package afflux

// #include "glue.h"
import "C"

import "sync"

// ControlChange is a change of the limit by a [Control]: [ControlOptions].OnChange.
type ControlChange struct {
	Before, After int64 // permits
	Reason        Reason
}

// teller takes the changes of one control's limit: it wakes the goroutines that wait for a larger
// limit, and has OnChange told in a goroutine of its own. The library calls it while it closes a window,
// on any thread: a panic must not unwind that, and requests that the change lets in may wait for the
// call to return.
type teller struct {
	changes *changes            // the semaphore's
	tell    func(ControlChange) // nil: no function

	mu      sync.Mutex
	untold  []ControlChange
	telling bool // a goroutine is at it
}

func (t *teller) add(change ControlChange) {
	t.changes.tell()
	if t.tell == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.untold = append(t.untold, change)
	if !t.telling {
		t.telling = true
		go t.run()
	}
}

func (t *teller) run() {
	for changes := t.take(); changes != nil; changes = t.take() {
		for _, change := range changes {
			t.tell(change)
		}
	}
}

// take answers nil where there is nothing to tell: the goroutine ends then.
func (t *teller) take() []ControlChange {
	t.mu.Lock()
	defer t.mu.Unlock()
	changes := t.untold
	t.untold = nil
	t.telling = changes != nil
	return changes
}

// The tellers by their numbers: C keeps the number only, and may use it after Go has dropped the
// control.
var tellers struct {
	sync.Mutex
	last uint64
	all  map[uint64]*teller
}

func addTeller(t *teller) uint64 {
	tellers.Lock()
	defer tellers.Unlock()
	if tellers.all == nil {
		tellers.all = map[uint64]*teller{}
	}
	tellers.last++
	tellers.all[tellers.last] = t
	return tellers.last
}

func removeTeller(id uint64) {
	tellers.Lock()
	delete(tellers.all, id)
	tellers.Unlock()
}

//export affluxGoControlChange
func affluxGoControlChange(id, before, after C.uint64_t, reason C.uint32_t) {
	tellers.Lock()
	t := tellers.all[uint64(id)]
	tellers.Unlock()
	if t != nil {
		t.add(ControlChange{int64(before), int64(after), Reason(reason)})
	}
}
