// Package metrics exports the statistics of a pager for Prometheus. It is a
// package of its own so that a pager needs no client library.
//
//	registry.MustRegister(metrics.New(p, prometheus.Labels{"pager": "index"}))
package metrics

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/filemap-go/filemap/pager"
)

// Source is what has statistics: a [pager.Pager].
type Source interface{ Stats() pager.Stats }

var _ Source = (*pager.Pager)(nil)

// New returns a collector of the source's statistics, each with these labels;
// pagers of one registry must differ in them. The names begin with
// "filemap_pager_".
func New(s Source, labels prometheus.Labels) prometheus.Collector {
	c := &collector{source: s}
	for _, m := range values {
		c.values = append(c.values, prometheus.NewDesc(prefix+m.name, m.help, nil, labels))
	}
	for _, m := range times {
		c.times = append(c.times, prometheus.NewDesc(prefix+m.name, m.help, nil, labels))
	}
	return c
}

const prefix = "filemap_pager_"

type collector struct {
	source        Source
	values, times []*prometheus.Desc
}

// values are the counters and gauges.
var values = []struct {
	name, help string
	kind       prometheus.ValueType
	of         func(*pager.Stats) float64
}{
	{"hits_total", "Accesses to resident pages; counted only with CountHits.", counter, func(s *pager.Stats) float64 { return float64(s.Hits) }},
	{"faults_total", "Accesses that had pages brought in.", counter, func(s *pager.Stats) float64 { return float64(s.Faults) }},
	{"store_reads_total", "Reads of stores.", counter, func(s *pager.Stats) float64 { return float64(s.Reads) }},
	{"store_read_bytes_total", "Bytes read from stores.", counter, func(s *pager.Stats) float64 { return float64(s.ReadBytes) }},
	{"store_read_errors_total", "Reads that failed, wrong checksums included.", counter, func(s *pager.Stats) float64 { return float64(s.ReadErrors) }},
	{"readahead_pages_total", "Pages brought in before anyone asked.", counter, func(s *pager.Stats) float64 { return float64(s.ReadaheadPages) }},
	{"passed_pages_total", "Pages read for ReadAt and not made resident.", counter, func(s *pager.Stats) float64 { return float64(s.PassedPages) }},
	{"store_writes_total", "Writes to stores.", counter, func(s *pager.Stats) float64 { return float64(s.Writes) }},
	{"store_written_bytes_total", "Bytes written to stores.", counter, func(s *pager.Stats) float64 { return float64(s.WriteBytes) }},
	{"write_errors_total", "Failed writes and syncs of stores, journals and swap.", counter, func(s *pager.Stats) float64 { return float64(s.WriteErrors) }},
	{"evictions_total", "Pages that left memory because it was short.", counter, func(s *pager.Stats) float64 { return float64(s.Evictions) }},
	{"direct_reclaims_total", "Times a fault had to make frames free itself.", counter, func(s *pager.Stats) float64 { return float64(s.DirectReclaims) }},
	{"swapped_out_pages_total", "Pages written to swap.", counter, func(s *pager.Stats) float64 { return float64(s.SwapOutPages) }},
	{"swapped_in_pages_total", "Pages read from swap.", counter, func(s *pager.Stats) float64 { return float64(s.SwapInPages) }},
	{"commits_total", "Durable commits.", counter, func(s *pager.Stats) float64 { return float64(s.Commits) }},
	{"resident_pages", "Frames in use.", gauge, func(s *pager.Stats) float64 { return float64(s.ResidentPages) }},
	{"budget_pages", "Frames there are.", gauge, func(s *pager.Stats) float64 { return float64(s.BudgetPages) }},
	{"swap_used_pages", "Swap slots in use.", gauge, func(s *pager.Stats) float64 { return float64(s.SwapPages) }},
	{"swap_pages", "Swap slots there are.", gauge, func(s *pager.Stats) float64 { return float64(s.SwapSize) }},
	{"mappings", "Open mappings.", gauge, func(s *pager.Stats) float64 { return float64(s.Mappings) }},
}

const (
	counter = prometheus.CounterValue
	gauge   = prometheus.GaugeValue
)

// times are the histograms.
var times = []struct {
	name, help string
	of         func(*pager.Stats) *pager.Histogram
}{
	{"fault_seconds", "From the access to the page.", func(s *pager.Stats) *pager.Histogram { return &s.FaultTime }},
	{"store_read_seconds", "One read of a store.", func(s *pager.Stats) *pager.Histogram { return &s.ReadTime }},
	{"store_write_seconds", "One write to a store.", func(s *pager.Stats) *pager.Histogram { return &s.WriteTime }},
	{"swap_in_seconds", "One page read from swap.", func(s *pager.Stats) *pager.Histogram { return &s.SwapInTime }},
	{"swap_out_seconds", "One write to swap, of up to 64 pages.", func(s *pager.Stats) *pager.Histogram { return &s.SwapOutTime }},
	{"reclaim_seconds", "One batch of pages reclaimed.", func(s *pager.Stats) *pager.Histogram { return &s.ReclaimTime }},
	{"commit_seconds", "One durable commit.", func(s *pager.Stats) *pager.Histogram { return &s.CommitTime }},
}

// Describe implements [prometheus.Collector].
func (c *collector) Describe(out chan<- *prometheus.Desc) {
	for _, d := range c.values {
		out <- d
	}
	for _, d := range c.times {
		out <- d
	}
}

// Collect implements [prometheus.Collector].
func (c *collector) Collect(out chan<- prometheus.Metric) {
	s := c.source.Stats()
	for i, m := range values {
		out <- prometheus.MustNewConstMetric(c.values[i], m.kind, m.of(&s))
	}
	for i, m := range times {
		count, sum, buckets := cumulative(m.of(&s))
		out <- prometheus.MustNewConstHistogram(c.times[i], count, sum, buckets)
	}
}

// Of a pager's buckets, which are half a power of two apart, those are exported
// whose limit is a power of four nanoseconds, from 1 µs to 17 s.
const (
	firstExported = 19
	lastExported  = 67
)

func cumulative(h *pager.Histogram) (count uint64, sum float64, buckets map[float64]uint64) {
	buckets = make(map[float64]uint64)
	for i, n := range h.Buckets {
		count += n
		if i >= firstExported && i <= lastExported && (i-firstExported)%4 == 0 {
			buckets[pager.HistogramLimit(i).Seconds()] = count
		}
	}
	return count, h.Sum.Seconds(), buckets
}
