// SPDX-License-Identifier: MIT OR Apache-2.0

package afflux

// #include "glue.h"
import "C"

import "unsafe"

type Client struct{ client *C.afflux_client }

func (c *Client) handle() *C.afflux_client { return c.client }

var _ unsafe.Pointer
