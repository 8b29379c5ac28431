// SPDX-License-Identifier: MIT OR Apache-2.0

// Command downloads fetches many files from an HTTP server, a few at a time, and checks each by its
// SHA-256. The server is a local one that it starts itself; it refuses what is above the bound, so
// that the example fails if the semaphore does.
//
//	go run ./examples/downloads -files 200 -at-once 8
package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"math/rand"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/afflux/afflux/bindings/go"
)

// body is the content of a file: the same for the server and for the check.
func body(file int) []byte {
	content := make([]byte, 10_000+file*37%90_000)
	rand.New(rand.NewSource(int64(file))).Read(content)
	return content
}

// serve starts the server, which answers no more than atOnce requests at a time.
func serve(atOnce int64) (address string, peak *atomic.Int64, stop func(), err error) {
	var now atomic.Int64
	peak = new(atomic.Int64)
	handler := func(w http.ResponseWriter, r *http.Request) {
		defer now.Add(-1)
		n := now.Add(1)
		for p := peak.Load(); n > p && !peak.CompareAndSwap(p, n); p = peak.Load() {
		}
		if n > atOnce {
			http.Error(w, "too many at once", http.StatusTooManyRequests)
			return
		}
		file, err := strconv.Atoi(strings.TrimPrefix(r.URL.Path, "/"))
		if err != nil {
			http.NotFound(w, r)
			return
		}
		io.Copy(w, bytes.NewReader(body(file)))
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, nil, err
	}
	server := &http.Server{Handler: http.HandlerFunc(handler)}
	go server.Serve(listener)
	return "http://" + listener.Addr().String(), peak, func() { server.Close() }, nil
}

type downloads struct {
	sem    *afflux.Semaphore
	client *http.Client
	folder string
	bytes  atomic.Int64
}

// fetch downloads one file when it is its turn.
func (d *downloads) fetch(ctx context.Context, url string, file int) error {
	permit, err := d.sem.AcquirePermit(ctx, afflux.Request{Tag: "file " + strconv.Itoa(file)})
	if err != nil {
		return err
	}
	defer permit.Release()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/"+strconv.Itoa(file), nil)
	if err != nil {
		return err
	}
	response, err := d.client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return errors.New(response.Status)
	}
	out, err := os.Create(filepath.Join(d.folder, strconv.Itoa(file)))
	if err != nil {
		return err
	}
	hash := sha256.New()
	n, err := io.Copy(io.MultiWriter(out, hash), response.Body)
	if err := errors.Join(err, out.Close()); err != nil {
		return err
	}
	d.bytes.Add(n)
	want := sha256.Sum256(body(file))
	if !bytes.Equal(hash.Sum(nil), want[:]) {
		return fmt.Errorf("not the SHA-256 %s", hex.EncodeToString(want[:]))
	}
	return nil
}

func run(files int, atOnce int64) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	url, peak, stopServer, err := serve(atOnce)
	if err != nil {
		return err
	}
	defer stopServer()
	folder, err := os.MkdirTemp("", "downloads")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	sem, err := afflux.New(afflux.Options{Permits: atOnce, Name: "downloads",
		Statistics: afflux.StatisticsFull, Ledger: uint32(atOnce)})
	if err != nil {
		return err
	}
	d := &downloads{sem: sem, client: &http.Client{}, folder: folder}

	begin := time.Now()
	failures := make([]error, files)
	var all sync.WaitGroup
	for file := 0; file < files; file++ {
		file := file
		all.Add(1)
		go func() {
			defer all.Done()
			if err := d.fetch(ctx, url, file); err != nil {
				failures[file] = fmt.Errorf("file %d: %w", file, err)
			}
		}()
	}
	all.Wait()
	if err := errors.Join(failures...); err != nil {
		return err
	}
	stats := sem.Stats()
	waits, err := sem.WaitTimes()
	if err != nil {
		return err
	}
	fmt.Printf("%d files, %d bytes in %v; at most %d at once (the server saw %d)\n", files,
		d.bytes.Load(), time.Since(begin).Round(time.Millisecond), stats.PeakHeld, peak.Load())
	fmt.Printf("%d waited, half of them up to %v, the longest %v\n", stats.Granted,
		waits.Quantile(0.5), waits.Max())
	return nil
}

func main() {
	files := flag.Int("files", 200, "how many files to download")
	atOnce := flag.Int64("at-once", 8, "how many at a time")
	flag.Parse()
	log.SetFlags(0)
	if err := run(*files, *atOnce); err != nil {
		log.Fatal(err)
	}
}
