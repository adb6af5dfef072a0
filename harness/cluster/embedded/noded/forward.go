package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// forward carries every connection to the host's loopback port over to the API server inside the node.
func forward(ctx context.Context, file *os.File, to string) {
	listener, err := net.FileListener(file)
	file.Close()
	if err != nil {
		fmt.Fprintln(os.Stderr, "noded: take over the API server's port on the host:", err)
		os.Exit(1)
	}
	for {
		conn, err := listener.Accept()
		if err != nil {
			// Out of file descriptors, most likely: it passes when connections end.
			fmt.Fprintln(os.Stderr, "noded: accept a connection to the API server:", err)
			time.Sleep(50 * time.Millisecond)
			continue
		}
		go carry(ctx, conn.(*net.TCPConn), to)
	}
}

func carry(ctx context.Context, from *net.TCPConn, address string) {
	defer from.Close()
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return // the API server is not up (yet): the caller sees a closed connection
	}
	to := conn.(*net.TCPConn)
	defer to.Close()
	var both sync.WaitGroup
	for _, pair := range [][2]*net.TCPConn{{from, to}, {to, from}} {
		both.Go(func() {
			_, _ = io.Copy(pair[1], pair[0])
			_ = pair[1].CloseWrite()
		})
	}
	both.Wait()
}
