// A shop on Go's standard library, without any code of ours: an honest /readyz, and an end that
// drops nothing.
package main

import (
	"context"
	"encoding/json"
	"log"
	"net/http"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
	"time"
)

var draining atomic.Bool

func readyz(w http.ResponseWriter, _ *http.Request) {
	ready := !draining.Load()
	w.Header().Set("Content-Type", "application/json")
	if !ready {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	json.NewEncoder(w).Encode(map[string]any{
		"release": os.Getenv("HOLDFAST_RELEASE"),
		"ready":   ready,
		"checks":  map[string]string{"catalogue": "warm"},
	})
}

func main() {
	mux := http.NewServeMux()
	mux.HandleFunc("/readyz", readyz)
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		time.Sleep(5 * time.Millisecond)
		w.Write([]byte("shop " + os.Getenv("VERSION") + "\n"))
	})
	server := &http.Server{
		Addr:    "127.0.0.1:" + os.Getenv("PORT"),
		Handler: mux,
		// Longer than the router keeps an idle connection (4 s): the router closes first.
		IdleTimeout:       60 * time.Second,
		ReadHeaderTimeout: 10 * time.Second,
	}
	stop, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer cancel()
	go func() {
		if err := server.ListenAndServe(); err != http.ErrServerClosed {
			log.Fatal(err)
		}
	}()
	<-stop.Done()
	draining.Store(true)
	// Shutdown closes idle connections and waits for requests in flight.
	limit, done := context.WithTimeout(context.Background(), 8*time.Second)
	defer done()
	if err := server.Shutdown(limit); err != nil {
		log.Print(err)
	}
}
