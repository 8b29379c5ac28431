module one_queue

go 1.21

require github.com/afflux/afflux/bindings/go v0.1.0

replace github.com/afflux/afflux/bindings/go => ../../../bindings/go
