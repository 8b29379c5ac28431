// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Makes the vectors of control_failsafe_test with failsafe-go's own limiter. The clock of a permit,
// its start and what was in flight then are set by reflection; all else goes through the public
// calls. In an empty folder, with this file:
//
//	go mod init vectors
//	go get github.com/failsafe-go/failsafe-go@v0.9.8
//	go run failsafe.go windows > failsafe_windows.inc
//	go run failsafe.go samples > failsafe_samples.inc
package main

import (
	"fmt"
	"math"
	"math/rand"
	"os"
	"reflect"
	"time"
	"unsafe"

	"github.com/failsafe-go/failsafe-go/adaptivelimiter"
	"github.com/influxdata/tdigest"
)

type clock struct{ now time.Time }

func (c *clock) Now() time.Time { return c.now }

func set(of any, field string, value any) {
	to := reflect.ValueOf(of).Elem().FieldByName(field)
	reflect.NewAt(to.Type(), unsafe.Pointer(to.UnsafeAddr())).Elem().Set(reflect.ValueOf(value))
}

func get(of any, field string) reflect.Value {
	from := reflect.ValueOf(of).Elem().FieldByName(field)
	return reflect.NewAt(from.Type(), unsafe.Pointer(from.UnsafeAddr())).Elem()
}

func main() {
	windows := os.Args[1] == "windows"
	builder := adaptivelimiter.NewBuilder[any]()
	if !windows {
		builder = builder.WithLimits(27, 33, 30).
			WithRecentWindow(time.Second/5, time.Second, 10).
			WithCorrelationWindow(15).WithBaselineWindow(5).WithRecentQuantile(0.8)
	}
	quantile, rows := 0.9, 300
	if !windows {
		quantile, rows = 0.8, 700
	}
	limiter := builder.Build()
	random := rand.New(rand.NewSource(14))
	wall := &clock{time.Unix(1000, 0)}
	set(limiter, "nextUpdateTime", wall.now)

	fmt.Println("// SPDX-License-Identifier: MIT OR Apache-2.0")
	fmt.Println("// Made by failsafe.go, see there:", os.Args[1]+".")
	if windows {
		fmt.Println("// {quantile, most in flight, full, estimate, baseline}, a window each")
	} else {
		fmt.Println("// {ended, latency, in flight, dropped, full, estimate}, a sample each")
	}
	digest := tdigest.NewWithCompression(100)
	most := 0
	for row := 0; row < rows; {
		phase := row * 10 / rows % 5
		part := 0.8 + 0.2*random.Float64()
		if (phase == 1 || phase == 2) && random.Float64() < 0.8 {
			part = 1 // full
		} else if phase == 3 {
			part = 0.05 + 0.1*random.Float64()
		}
		limit := limiter.Limit()
		flight := max(1, int(float64(limit)*part+0.5))
		held := []adaptivelimiter.Permit{}
		for len(held) < flight {
			permit, _ := limiter.TryAcquirePermit()
			held = append(held, permit)
		}
		capacity := 45.0
		if phase == 2 {
			capacity = 15
		}
		latency := int64(10e6 * max(1, float64(flight)/capacity) * math.Exp(0.2*random.NormFloat64()))
		if phase == 4 && !windows {
			latency *= 20 // longer windows
		}
		dropped := random.Float64() < 0.03
		wall.now = wall.now.Add(time.Duration(40e6 * random.Float64()))
		permit := held[len(held)-1]
		set(permit, "clock", wall)
		set(permit, "startTime", wall.now.Add(-time.Duration(latency)))
		set(permit, "currentInflight", flight)
		if !dropped {
			digest.Add(float64(latency), 1)
			most = max(most, flight)
		}
		full := flight == limit
		if dropped {
			permit.Drop()
		} else {
			permit.Record()
		}
		closed := most > 0 && get(get(limiter, "recentRTT").Addr().Interface(), "Size").Uint() == 0
		estimate := get(limiter, "limit").Float()
		if windows && closed {
			baseline := get(get(limiter, "baselineRTT").Addr().Interface(), "value").Float()
			fmt.Printf("{%v, %d, %t, %v, %v},\n", digest.Quantile(quantile), most, full, estimate,
				baseline)
			row++
		} else if !windows {
			fmt.Printf("{%d, %d, %d, %t, %t, %v},\n", wall.now.UnixNano(), latency, flight,
				dropped, full, estimate)
			row++
		}
		if closed {
			digest.Reset()
			most = 0
		}
		// Given back without a sample: a semaphore of its own that nothing steers.
		release := get(limiter, "semaphore").MethodByName("Release")
		for range held[1:] {
			release.Call(nil)
		}
	}
}
