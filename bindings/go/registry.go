// SPDX-License-Identifier: MIT OR Apache-2.0

package afflux

// #include "glue.h"
import "C"

import (
	"io"
	"runtime"
	"sync"
	"time"
	"unsafe"
)

// Registry adds semaphores and clients up, and renders them for Prometheus. All methods may be
// called by any number of goroutines at once. It has a reference to each object in it. A registry
// that is not reachable any more is freed.
type Registry struct {
	registry *C.afflux_registry
	mu       sync.Mutex // for summary
	summary  C.afflux_registry_summary_t
}

// NewRegistry creates an empty registry. Error: [ErrNoMemory].
func NewRegistry() (*Registry, error) {
	r := new(Registry)
	C.afflux_registry_summary_init(&r.summary)
	if status := C.afflux_registry_create(&r.registry); status != statusOK {
		return nil, Error(status)
	}
	runtime.SetFinalizer(r, func(r *Registry) { C.afflux_registry_unref(r.registry) })
	return r, nil
}

// Add adds a semaphore. [ErrAlready]: it is in a registry, this one or another.
func (r *Registry) Add(s *Semaphore) error {
	status := C.afflux_registry_add_sem(r.registry, s.handle())
	runtime.KeepAlive(r)
	runtime.KeepAlive(s)
	return toError(int64(status))
}

// Remove removes a semaphore; what it has done stays in the totals. [ErrAlready]: it is not here.
func (r *Registry) Remove(s *Semaphore) error {
	status := C.afflux_registry_remove_sem(r.registry, s.handle())
	runtime.KeepAlive(r)
	runtime.KeepAlive(s)
	return toError(int64(status))
}

// AddClient adds a client, as [Registry.Add].
func (r *Registry) AddClient(c *Client) error {
	status := C.afflux_registry_add_client(r.registry, c.handle())
	runtime.KeepAlive(r)
	return c.counted(status)
}

// RemoveClient removes a client, as [Registry.Remove].
func (r *Registry) RemoveClient(c *Client) error {
	status := C.afflux_registry_remove_client(r.registry, c.handle())
	runtime.KeepAlive(r)
	return c.counted(status)
}

// Rates are events per second.
type Rates struct {
	Acquired, Released      float64 // permits
	Queued, Refused         float64 // requests to semaphores
	Requests, Bytes, Errors float64 // of clients
}

func toRates(c *C.afflux_rates) Rates {
	return Rates{
		Acquired: float64(c.acquired), Released: float64(c.released), Queued: float64(c.queued),
		Refused: float64(c.refused), Requests: float64(c.requests), Bytes: float64(c.bytes),
		Errors: float64(c.errors),
	}
}

// RegistrySummary is all that a registry has, together. The totals include what has been removed.
type RegistrySummary struct {
	Semaphores, Clients                 uint64 // in it now
	Semaphore                           Stats  // sums; OldestWait and the maxima are the largest of all
	Client                              ClientSummary
	MinUptime, MaxUptime, AverageUptime time.Duration // of the clients
	SinceStart                          Rates
	SinceLook                           Rates // since the Summary before
}

// Summary adds everything up.
func (r *Registry) Summary() RegistrySummary {
	r.mu.Lock()
	defer r.mu.Unlock()
	c := &r.summary
	C.afflux_registry_summary(r.registry, c)
	runtime.KeepAlive(r)
	return RegistrySummary{
		Semaphores: uint64(c.sems), Clients: uint64(c.clients),
		Semaphore: toStats(&c.sem), Client: toClientSummary(&c.client),
		MinUptime: time.Duration(c.min_uptime_ns), MaxUptime: time.Duration(c.max_uptime_ns),
		AverageUptime: time.Duration(c.average_uptime_ns),
		SinceStart:    toRates(&c.since_start), SinceLook: toRates(&c.since_look),
	}
}

// Format is that of an exposition.
type Format uint32

// The formats.
const (
	Prometheus  Format = C.AFFLUX_EXPORT_PROMETHEUS  // text exposition format 0.0.4
	OpenMetrics Format = C.AFFLUX_EXPORT_OPENMETRICS // OpenMetrics 1.0
)

// ContentType is the HTTP header of that name for the format.
func (f Format) ContentType() string {
	return C.GoString(C.afflux_export_content_type(C.uint32_t(f)))
}

// Write renders the registry to w. With eachClient every client has series of its own, too; without
// it the sums over all only. Errors: those of w, and [ErrInvalid] for an unknown format.
//
//	http.HandleFunc("/metrics", func(w http.ResponseWriter, _ *http.Request) {
//		w.Header().Set("Content-Type", afflux.Prometheus.ContentType())
//		registry.Write(w, afflux.Prometheus, false)
//	})
func (r *Registry) Write(w io.Writer, format Format, eachClient bool) error {
	var options C.afflux_export_options
	C.afflux_export_options_init(&options)
	options.format = C.uint32_t(format)
	if eachClient {
		options.flags = C.AFFLUX_EXPORT_CLIENTS
	}
	text := make([]byte, 16<<10)
	for {
		var size C.size_t
		status := C.afflux_registry_print(r.registry, &options,
			(*C.char)(unsafe.Pointer(&text[0])), C.size_t(len(text)), &size)
		runtime.KeepAlive(r)
		switch status {
		case statusOK:
			_, err := w.Write(text[:size])
			return err
		case C.AFFLUX_EOVERFLOW: // it may grow from call to call
			text = make([]byte, size+size/4+1)
		default:
			return Error(status)
		}
	}
}
