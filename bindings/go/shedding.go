// SPDX-License-Identifier: MIT OR Apache-2.0

package afflux

// #include <afflux/afflux.h>
import "C"

import "fmt"

// shedding sets what of the options concerns shedding.
func (o *Options) shedding(c *C.afflux_sem_options) error {
	if o.ShedTarget == 0 {
		if o.ShedInterval != 0 || o.AdaptiveLIFO {
			return fmt.Errorf("%w: Options.ShedInterval or AdaptiveLIFO without ShedTarget", ErrInvalid)
		}
		return nil
	}
	interval := o.ShedInterval
	if interval == 0 {
		interval = DefaultShedInterval
	}
	switch {
	case o.ShedTarget < 0:
		return fmt.Errorf("%w: Options.ShedTarget is %v", ErrInvalid, o.ShedTarget)
	case interval < o.ShedTarget:
		return fmt.Errorf("%w: Options.ShedTarget is %v, above ShedInterval, %v", ErrInvalid, o.ShedTarget, interval)
	case o.AdaptiveLIFO && o.Fairness == Throughput:
		return fmt.Errorf("%w: Options.AdaptiveLIFO with Throughput", ErrInvalid)
	}
	c.shed_target_ns = C.int64_t(o.ShedTarget)
	c.shed_interval_ns = C.int64_t(interval)
	if o.AdaptiveLIFO {
		c.adaptive_lifo = 1
	}
	return nil
}
