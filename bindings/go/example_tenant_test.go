// SPDX-License-Identifier: MIT OR Apache-2.0

package afflux_test

import (
	"context"
	"fmt"

	"github.com/afflux/afflux/bindings/go"
)

// These two functions are the README's.

func tenants(sem *afflux.Semaphore) (paying, free *afflux.Tenant, err error) {
	paying, err = afflux.NewTenant(sem, afflux.TenantOptions{
		Name:       "paying",
		Weight:     4,  // four times as many permit-seconds as a tenant of weight 1
		Guaranteed: 20, // these come before all weights; unused they are lent
	})
	if err != nil {
		return nil, nil, err
	}
	free, err = afflux.NewTenant(sem, afflux.TenantOptions{
		Name:       "free",
		Cap:        50,   // never more, and no other waits because of it
		MaxWaiters: 1000, // then ErrRejected
	})
	return paying, free, err
}

func handle(ctx context.Context, tenant *afflux.Tenant) error {
	if err := tenant.Acquire(ctx, 1); err != nil {
		return err
	}
	defer tenant.Release(1) // to the tenant, not to the semaphore
	return work(ctx)
}

func ExampleTenant() {
	sem := afflux.NewWeighted(100)
	paying, free, err := tenants(sem)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, tenant := range []*afflux.Tenant{paying, free, free} {
		if err := handle(context.Background(), tenant); err != nil {
			fmt.Println(err)
		}
	}
	for _, tenant := range []*afflux.Tenant{paying, free} {
		s := tenant.Stats()
		fmt.Println(tenant.Name(), s.Weight, s.Requests, s.Held)
	}
	fmt.Println(free.TryAcquire(51))
	// Output:
	// paying 4 1 0
	// free 1 2 0
	// false
}
