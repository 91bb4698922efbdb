// Decodes recorded streams of PostgreSQL's wire with pgproto3, which is not ours: an oracle for our
// own framing. Each line of standard input names a direction (F = what a client sent, from its
// startup packet on; B = what the server sent) and a file. For each file one line of JSON comes out.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"strings"

	"github.com/jackc/pgx/v5/pgproto3"
)

// message is what pgproto3 makes of one message; CRC and Size are those of its own encoding of it.
// A startup packet has no CRC: its words come out in any order.
type message struct {
	Kind string `json:"kind"`
	Size int    `json:"size"`
	CRC  uint32 `json:"crc"`
	SQL  string `json:"sql,omitempty"`
}

type encoder interface {
	Encode(dst []byte) ([]byte, error)
}

func main() {
	lines := bufio.NewScanner(os.Stdin)
	out := json.NewEncoder(os.Stdout)
	for lines.Scan() {
		direction, path, _ := strings.Cut(lines.Text(), " ")
		messages, err := decode(direction, path)
		if err != nil {
			fmt.Fprintf(os.Stderr, "%s: %v\n", path, err)
			os.Exit(1)
		}
		if err := out.Encode(messages); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
}

func decode(direction, path string) ([]message, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	if direction == "F" {
		return ofClient(file)
	}
	return ofServer(file)
}

func ofClient(stream io.Reader) ([]message, error) {
	backend := pgproto3.NewBackend(stream, io.Discard)
	first, err := backend.ReceiveStartupMessage()
	if err != nil {
		return nil, err
	}
	encoded, err := first.Encode(nil)
	if err != nil {
		return nil, err
	}
	messages := []message{{Size: len(encoded)}}
	for {
		received, err := backend.Receive()
		if err != nil {
			return messages, unlessAtEnd(err)
		}
		sql := ""
		switch asked := received.(type) {
		case *pgproto3.Query:
			sql = asked.String
		case *pgproto3.Parse:
			sql = asked.Query
		}
		if messages, err = appended(messages, received, sql); err != nil {
			return nil, err
		}
	}
}

func ofServer(stream io.Reader) ([]message, error) {
	frontend := pgproto3.NewFrontend(stream, io.Discard)
	messages := []message{}
	for {
		received, err := frontend.Receive()
		if err != nil {
			return messages, unlessAtEnd(err)
		}
		if messages, err = appended(messages, received, ""); err != nil {
			return nil, err
		}
	}
}

func appended(messages []message, received encoder, sql string) ([]message, error) {
	encoded, err := received.Encode(nil)
	if err != nil {
		return nil, err
	}
	kind, crc := string(rune(encoded[0])), crc32.ChecksumIEEE(encoded)
	return append(messages, message{Kind: kind, Size: len(encoded), CRC: crc, SQL: sql}), nil
}

// unlessAtEnd is nil for the end between two messages, which pgproto3 reports as an unexpected one.
func unlessAtEnd(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return nil
	}
	return err
}
