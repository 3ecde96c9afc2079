package metrics

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/filemap-go/filemap/pager"
)

type fixed struct{ stats pager.Stats }

func (f fixed) Stats() pager.Stats { return f.stats }

// Every field of Stats is exported, with its own value.
func TestEveryFieldIsExported(t *testing.T) {
	var s pager.Stats
	v := reflect.ValueOf(&s).Elem()
	for i := range v.NumField() {
		switch f := v.Field(i); f.Kind() {
		case reflect.Uint64:
			f.SetUint(uint64(1000 + i))
		case reflect.Int, reflect.Int64:
			f.SetInt(int64(1000 + i))
		case reflect.Struct:
			f.Set(reflect.ValueOf(pager.Histogram{Sum: time.Duration(1000 + i)}))
		default:
			t.Fatalf("field %s is a %v", v.Type().Field(i).Name, f.Kind())
		}
	}
	seen := map[float64]bool{}
	for _, m := range values {
		seen[m.of(&s)] = true
	}
	for _, m := range times {
		seen[float64(m.of(&s).Sum)] = true
	}
	for i := range v.NumField() {
		if !seen[float64(1000+i)] {
			t.Errorf("%s is not exported", v.Type().Field(i).Name)
		}
	}
}

func TestCollect(t *testing.T) {
	var s pager.Stats
	s.Faults = 7
	s.ReadTime.Buckets[19] = 3 // up to 1024 ns
	s.ReadTime.Buckets[20] = 2
	s.ReadTime.Buckets[79] = 1
	s.ReadTime.Sum = 2 * time.Second
	registry := prometheus.NewPedanticRegistry()
	if err := registry.Register(New(fixed{s}, prometheus.Labels{"pager": "a"})); err != nil {
		t.Fatal(err)
	}
	if err := registry.Register(New(fixed{s}, prometheus.Labels{"pager": "b"})); err != nil {
		t.Fatal(err)
	}
	problems, err := testutil.GatherAndLint(registry)
	if err != nil || len(problems) > 0 {
		t.Error(problems, err)
	}
	err = testutil.GatherAndCompare(registry, strings.NewReader(`
# HELP filemap_pager_faults_total Accesses that had pages brought in.
# TYPE filemap_pager_faults_total counter
filemap_pager_faults_total{pager="a"} 7
filemap_pager_faults_total{pager="b"} 7
`), "filemap_pager_faults_total")
	if err != nil {
		t.Error(err)
	}
	count, sum, buckets := cumulative(&s.ReadTime)
	if count != 6 || sum != 2 || buckets[1024e-9] != 3 || buckets[4096e-9] != 5 || len(buckets) != 13 {
		t.Errorf("%d, %v, %v", count, sum, buckets)
	}
}
