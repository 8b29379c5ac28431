module github.com/afflux/afflux/bindings/go

go 1.21
