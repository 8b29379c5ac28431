// SPDX-License-Identifier: MIT OR Apache-2.0

package peers

import "sync"

// addUp adds one to total.
func addUp(total, one *Summary) {
	for i := range total.Requests {
		total.Requests[i] += one.Requests[i]
	}
	total.Bytes += one.Bytes
	total.Runs += one.Runs
	total.Responses4xx += one.Responses4xx
	total.Responses5xx += one.Responses5xx
	total.ResponsesOther += one.ResponsesOther
	total.Reconnections += one.Reconnections
	total.Timeouts += one.Timeouts
	for i := range total.LinesRead {
		total.LinesRead[i] += one.LinesRead[i]
		total.LinesDropped[i] += one.LinesDropped[i]
	}
	if total.PeakDropRate < one.PeakDropRate {
		total.PeakDropRate = one.PeakDropRate
	}
	total.Speed += one.Speed
	total.Drift += one.Drift
	if total.MaxDrift < one.MaxDrift {
		total.MaxDrift = one.MaxDrift
	}
	total.Acquired += one.Acquired
	total.Waits += one.Waits
	total.WaitSum += one.WaitSum
	if total.WaitMax < one.WaitMax {
		total.WaitMax = one.WaitMax
	}
	total.Rejected += one.Rejected
	total.TimedOut += one.TimedOut
	total.Canceled += one.Canceled
	total.Stalled += one.Stalled
}

// Registry adds clients up.
type Registry interface {
	Add(id int, client Client)
	Remove(id int)
	Summarize(total *Summary)
}

// AtomicRegistry has its clients in a sync.Map.
type AtomicRegistry struct{ clients sync.Map }

// Add puts a client in.
func (r *AtomicRegistry) Add(id int, client Client) { r.clients.Store(id, client) }

// Remove takes a client out.
func (r *AtomicRegistry) Remove(id int) { r.clients.Delete(id) }

// Summarize adds all up.
func (r *AtomicRegistry) Summarize(total *Summary) {
	*total = Summary{}
	var one Summary
	r.clients.Range(func(_, client any) bool {
		client.(Client).Summarize(&one)
		addUp(total, &one)
		return true
	})
}

// RWMutexRegistry has its clients in a map behind a sync.RWMutex.
type RWMutexRegistry struct {
	mutex   sync.RWMutex
	clients map[int]Client
}

// Add puts a client in.
func (r *RWMutexRegistry) Add(id int, client Client) {
	r.mutex.Lock()
	r.clients[id] = client
	r.mutex.Unlock()
}

// Remove takes a client out.
func (r *RWMutexRegistry) Remove(id int) {
	r.mutex.Lock()
	delete(r.clients, id)
	r.mutex.Unlock()
}

// Summarize adds all up.
func (r *RWMutexRegistry) Summarize(total *Summary) {
	*total = Summary{}
	var one Summary
	r.mutex.RLock()
	defer r.mutex.RUnlock()
	for _, client := range r.clients {
		client.Summarize(&one)
		addUp(total, &one)
	}
}

// MutexRegistry has its clients in a map behind a sync.Mutex.
type MutexRegistry struct {
	mutex   sync.Mutex
	clients map[int]Client
}

// Add puts a client in.
func (r *MutexRegistry) Add(id int, client Client) {
	r.mutex.Lock()
	r.clients[id] = client
	r.mutex.Unlock()
}

// Remove takes a client out.
func (r *MutexRegistry) Remove(id int) {
	r.mutex.Lock()
	delete(r.clients, id)
	r.mutex.Unlock()
}

// Summarize adds all up.
func (r *MutexRegistry) Summarize(total *Summary) {
	*total = Summary{}
	var one Summary
	r.mutex.Lock()
	defer r.mutex.Unlock()
	for _, client := range r.clients {
		client.Summarize(&one)
		addUp(total, &one)
	}
}
