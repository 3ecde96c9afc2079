// Package filemap is a file as memory: it maps a file, or a range of it, into
// this process's address space, where the kernel pages it in when it is touched
// and shares it with everybody else who reads or maps the file.
//
//	m, err := filemap.Open("points.f32")
//	if err != nil { … }
//	defer m.Close()
//	points, err := filemap.SliceOf[float32](m, 0, filemap.ToEnd)
//
// [Open], [OpenFile], [Create] and [Anonymous] make a [Map]. Its bytes are used
// in three ways:
//
//   - as memory, with no cost at all: [Map.Bytes], [Map.Slice], [SliceOf],
//     [PointerTo]. What the system cannot serve (the file was truncated, the
//     disk failed or is full) ends the process, as with every mapping in every
//     language, unless it happens under [Map.Guard], where it is an error;
//   - through methods that copy, and return an error instead: [Map.ReadAt],
//     [Map.WriteAt], [Load], [Store], [Map.Record];
//   - as a file with a position: [Map.Cursor].
//
// Stores to a [ReadWrite] mapping reach the file without further ado, and the
// device when [Map.Sync] returns.
//
// # Files of this package
//
// One concept each: map.go (process 1 of four: the mapping is made), view.go
// (process 2: loads and stores through pointers), guard.go and populate.go
// (process 3: faults), advise.go, lock.go and residency.go (process 4: what
// stays in memory), io.go, cursor.go and record.go (bytes by methods), sync.go
// (what becomes durable), lifetime.go and quarantine.go (what Close does),
// protect.go, options.go, errors.go. Stores that stay here until Sync or Commit:
// staged.go, gate.go, dirty.go, canary.go, target.go, atomic.go.
//
// # Lock order
//
// The gate of a Staged Map, then Map.mu, then syncState.mu, then growth.mu, then
// quarantine.mu; or stage.mu and canary.mu behind these. Loads, stores and
// copies take none. Append's copy has growth.mu alone: what a fault there was about is
// found out when it is given back.
//
// # Systems
//
// Linux is where everything works and is measured. Darwin, FreeBSD, OpenBSD,
// NetBSD, DragonFly and Windows map for real; js/wasm, wasip1 and plan9 read the
// range into memory ([Map.Backing]) and refuse ReadWrite. docs/support.md has
// the table. What a system does not have is an error that matches
// [errors.ErrUnsupported], never a silent nothing.
package filemap
