package filemap

import "sync"

// gate keeps methods that store out while a Sync of a Staged Map runs, and a Sync
// until they are done. Unlike a sync.RWMutex it lets a store through inside of an
// Update, whatever waits: it may be the Update's own.
//
// Lock order: gate, Map.mu, syncState.mu.
type gate struct {
	mu      sync.Mutex
	changed sync.Cond // on mu; set by the first who waits
	inside  int       // methods that store, Updates included
	updates int       // of these, Updates
	waiting int       // Syncs
	queue   int       // methods that wait
	passing int       // of these, those that come before the next Sync
	shut    bool
}

func (g *gate) waitLocked() {
	g.changed.L = &g.mu
	g.changed.Wait()
}

// enter lets one method in; update says that others may come from inside of it.
func (g *gate) enter(update bool) {
	g.mu.Lock()
	if g.barredLocked() {
		g.queue++
		for g.barredLocked() && (g.shut || g.passing == 0) {
			g.waitLocked()
		}
		g.queue--
		g.passing = max(g.passing-1, 0)
	}
	g.inside++
	if update {
		g.updates++
	}
	g.mu.Unlock()
}

func (g *gate) barredLocked() bool {
	return g.shut || (g.waiting > 0 && g.updates == 0)
}

func (g *gate) leave(update bool) {
	g.mu.Lock()
	g.inside--
	if update {
		g.updates--
	}
	if g.inside == 0 || (update && g.updates == 0) {
		g.changed.Broadcast()
	}
	g.mu.Unlock()
}

// close waits until nobody is inside and keeps it so.
func (g *gate) close() {
	g.mu.Lock()
	g.waiting++
	for g.shut || g.inside > 0 || g.passing > 0 {
		g.waitLocked()
	}
	g.waiting--
	g.shut = true
	g.mu.Unlock()
}

func (g *gate) open() {
	g.mu.Lock()
	g.shut = false
	g.passing = g.queue // so that Sync after Sync does not keep them out for good
	g.changed.Broadcast()
	g.mu.Unlock()
}
